#!/bin/sh
# Prints the go command to build with.
#
# That is `go` if it is 1.21 or newer: such a Go downloads the toolchain that go.mod
# names by itself. Otherwise it is the pinned toolchain in .build/go. An older Go,
# if need be the distribution's, downloads it once, as the Go module
# golang.org/toolchain. GOPROXY and GOSUMDB are respected, so that a mirror works
# and the checksum is verified.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
own=$root/.build/go
cd "$root"

# An old Go cannot read this go.mod. With GOTOOLCHAIN=local even a newer one may be
# too old.
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
	# An old Go cannot read the project's go.mod, so this folder has its own.
	printf 'module bootstrap\n' >go.mod
	go mod download "golang.org/toolchain@v0.0.1-$pinned.linux-$(go env GOARCH)" >&2
)

got=$(echo "$work"/mod/golang.org/toolchain@*)
chmod -R u+w "$got"
# The zip file of a module has no execute bits and no go.mod of nested modules. Go
# itself restores them on first use in the same way (cmd/go/internal/toolchain).
find "$got/bin" "$got/pkg/tool" -type f -exec chmod u+x {} +
find "$got" -name _go.mod | while read -r f; do
	cp "$f" "${f%_go.mod}go.mod"
done
# Another make may have put it there in the meantime.
mv -T "$got" "$own" 2>/dev/null || [ -x "$own/bin/go" ]
echo "$own/bin/go"
