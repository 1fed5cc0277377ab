#!/bin/sh
# Prints the go command to build with.
#
# That is `go` where it is 1.21 or newer: such a Go fetches by itself the
# toolchain that go.mod names. Else it is the pinned toolchain in .build/go,
# which is fetched once, as the Go module golang.org/toolchain, by whatever older
# Go there is or by the distribution's. GOPROXY and GOSUMDB are respected, so a
# mirror serves as well and the checksum is verified.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
own=$root/.build/go
cd "$root"

# An old Go cannot read this go.mod; one with GOTOOLCHAIN=local may be too old.
case "$(go version 2>/dev/null || true)" in
"") ;;
*" go1."[0-9]" "* | *" go1."[0-9].* | *" go1."1[0-9]* | *" go1.20"*) ;;
*)
	if go list -m >/dev/null; then
		echo go
		exit 0
	fi
	;;
esac

if [ -x "$own/bin/go" ]; then
	echo "$own/bin/go"
	exit 0
fi

pinned=$(sed -n 's/^toolchain //p' go.mod)
if ! command -v go >/dev/null; then
	scripts/setup.sh golang-go ca-certificates
fi
echo "fetching $pinned" >&2

mkdir -p .build
work=$(mktemp -d .build/toolchain.XXXXXX)
trap 'chmod -R u+w "$root/$work" 2>/dev/null; rm -rf "${root:?}/$work"' EXIT
trap 'exit 1' INT TERM
(
	mkdir "$work/bootstrap" && cd "$work/bootstrap"
	unset GOROOT GOFLAGS
	export GOMODCACHE="$root/$work/mod" GOPATH="$root/$work/path" GO111MODULE=on GOTOOLCHAIN=local
	# A go.mod of its own, for the project's is too new for an old Go.
	printf 'module bootstrap\n' >go.mod
	go mod download "golang.org/toolchain@v0.0.1-$pinned.linux-$(go env GOARCH)" >&2
)

got=$(echo "$work"/mod/golang.org/toolchain@*)
chmod -R u+w "$got"
# A module's zip keeps no execute bits and no go.mod of nested modules: they are
# restored as Go itself does on the first use (cmd/go/internal/toolchain).
find "$got/bin" "$got/pkg/tool" -type f -exec chmod u+x {} +
find "$got" -name _go.mod | while read -r f; do
	cp "$f" "${f%_go.mod}go.mod"
done
# Another make may have been faster.
mv -T "$got" "$own" 2>/dev/null || [ -x "$own/bin/go" ]
echo "$own/bin/go"
