#!/bin/bash
# Makes the release twice and compares every byte: once in a clone, once in a source
# archive without git, in folders of different names, with another umask, language,
# time zone and time of day. With "-long" the second one has an empty build cache.
#
#   scripts/release/same.sh [-long]
set -euo pipefail
cd "$(dirname "$0")/../.."
go=${GO:-$(scripts/go.sh)}
go=$(command -v "$go")
work=$(mktemp -d "${TMPDIR:-/var/tmp}/same.XXXXXX")
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=$("$go" env GOCACHE)
first=$work/a second="$work/b/a much longer name"
mkdir -p "$second"
git clone -q --no-hardlinks . "$first"
git archive HEAD | tar -x -C "$second"
if [ "${1:-}" = -long ]; then cache=$work/cache; fi

(umask 022 && cd "$first" && LC_ALL=C TZ=UTC MAKEFLAGS='' make -s release GO="$go") >"$work/a.log" 2>&1 || { tail "$work/a.log" >&2 && exit 1; }
(umask 077 && cd "$second" && LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8 TZ=Pacific/Auckland GOCACHE=$cache MAKEFLAGS='' make -s release GO="$go") >"$work/b.log" 2>&1 || { tail "$work/b.log" >&2 && exit 1; }
if ! diff -r "$first/dist/release" "$second/dist/release"; then
	echo "scripts/release/same.sh: two builds of the same sources differ" >&2
	exit 1
fi
echo "the same bytes twice: $(find "$first/dist/release" -type f | wc -l) files, $(du -sk "$first/dist/release" | cut -f 1) KiB"
