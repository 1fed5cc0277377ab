#!/bin/sh
# Prints the version to build: the newest release in CHANGELOG.md, with +dev
# where a section "Unreleased" stands above it. It does not ask git, so that a
# source archive builds the same bytes as a clone.
set -eu
cd "$(dirname "$0")/.."
sed -n 's/^## *\[\{0,1\}v\{0,1\}\(Unreleased\|[0-9][0-9A-Za-z.+-]*\).*/\1/p' CHANGELOG.md | awk '
	$1 == "Unreleased" { dev = "+dev"; next }
	{ version = $1; exit }
	END { print (version == "" ? "0.0.0" : version) dev }'
