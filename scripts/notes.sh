#!/bin/sh
# Prints the section of CHANGELOG.md for a version, without its heading, as text
# for a release page. For a version between two releases (with a "+") that is
# the section "Unreleased". Ends with 1 if the section is missing or empty.
#
#   scripts/notes.sh VERSION
set -eu
cd "$(dirname "$0")/.."
case ${1:?usage: scripts/notes.sh VERSION} in
*+*) section=Unreleased ;;
*) section=${1#v} ;;
esac
awk -v want="$section" '
	/^## / {
		name = $2
		gsub(/^\[?v?|\]$/, "", name)
		on = name == want
		next
	}
	!on { next }
	NF == 0 { gap = found; next }
	{ if (gap) print ""; gap = 0; found = 1; print }
	END { exit !found }' CHANGELOG.md || {
	echo "CHANGELOG.md has no text for $section" >&2
	exit 1
}
