#!/bin/sh
# fuzz.sh [FOLDER...]: runs every fuzz test below the folders (default: all) for FUZZTIME
# (default 10s), one after the other. An input that fails stays in the package's
# testdata/fuzz as a regression test.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-$(scripts/go.sh)}
time=${FUZZTIME:-10s}
[ $# -gt 0 ] || set -- agent board drivers model quant scripts

grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' "$@" |
	while IFS=: read -r file name; do
		name=${name#func }
		echo "== $name in $(dirname "$file")" >&2
		"$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "./$(dirname "$file")" </dev/null
	done
