#!/bin/sh
# Rewrites the golden files: runs the tests that have a flag -update with it. Read
# the diff before you commit it.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-$(scripts/go.sh)}

grep -rl --include='*_test.go' 'flag.Bool("update"' agent board drivers model quant scripts |
	xargs -r -n 1 dirname | sort -u |
	while read -r dir; do
		"$go" test "./$dir" -update </dev/null
	done
git --no-pager diff --stat 2>/dev/null || true
