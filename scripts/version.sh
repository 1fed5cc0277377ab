#!/bin/sh
# Prints the version to build: the newest release in CHANGELOG.md. It does not
# ask git, so that a source archive builds the same bytes as a clone.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^## *\[\{0,1\}v\{0,1\}\([0-9][0-9A-Za-z.+-]*\).*/\1/p' CHANGELOG.md 2>/dev/null | head -n 1)
echo "${version:-0.0.0-dev}"
