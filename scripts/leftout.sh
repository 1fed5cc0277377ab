#!/bin/sh
# Prints the file for `go build -overlay` that puts tools/leftout/idna in the place of the
# standard library's package for host names that are not ASCII. It writes the file, below
# .build, for the Go toolchain that the first argument names.
set -eu
cd "$(dirname "$0")/.."
src=$("${1:-go}" env GOROOT)/src/vendor/golang.org/x/net/idna
mkdir -p .build
out=.build/leftout.json
{
	printf '{"Replace": {'
	for f in "$src"/*.go; do
		case ${f##*/} in
		idna10.0.0.go) to=$PWD/tools/leftout/idna/idna.go ;;
		*) to= ;;
		esac
		printf '"%s": "%s", ' "$f" "$to"
	done
	printf '"%s/none": ""}}\n' "$src"
} >"$out.$$"
grep -q tools/leftout/idna "$out.$$" || { echo "$src/idna10.0.0.go is missing: this Go has it elsewhere" >&2 && exit 1; }
mv "$out.$$" "$out"
echo "$out"
