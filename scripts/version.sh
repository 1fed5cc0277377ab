#!/bin/sh
# Prints the version to build, or with the argument "commit" the commit.
#
#   at the tag v1.4.0             1.4.0
#   three commits after the tag   1.4.0+3.gHASH
#   no tag known                  1.4.0+gHASH, from the newest release in CHANGELOG.md, or 0.0.0
#   with changes not committed    the same and .dirty
#   a copy without git            1.4.0+dev
#
# In a clone the answer comes from git. When git makes an archive (the downloads of
# GitHub are such archives) it writes the answer into scripts/version.txt, so that
# the archive builds the same bytes as the clone.
set -eu
cd "$(dirname "$0")/.."

# filled prints the value of a line of version.txt if git archive filled it in.
filled() { sed -n "s/^$1: \\([^\$%]*\\)\$/\\1/p" scripts/version.txt; }

commit='' tag='' changed=''
if [ -e .git ] && commit=$(git rev-parse --short=12 HEAD 2>/dev/null); then
	tag=$(git describe --tags --match 'v[0-9]*' --abbrev=12 2>/dev/null || true)
	changed=$(git status --porcelain --untracked-files=no)
else
	commit=$(filled commit | cut -c 1-12)
	tag=$(filled describe)
fi
if [ "${1:-}" = commit ]; then
	echo "${commit:-unknown}"
	exit
fi

if [ -n "$tag" ]; then
	version=$(echo "${tag#v}" | sed 's/-\([0-9][0-9]*\)-\(g[0-9a-f]*\)$/+\1.\2/')
else
	newest=$(sed -n 's/^## *\[\{0,1\}v\{0,1\}\([0-9][0-9A-Za-z.-]*\).*/\1/p' CHANGELOG.md | head -n 1)
	version=${newest:-0.0.0}+${commit:+g}${commit:-dev}
fi
case $changed/$version in
/*) echo "$version" ;;
*+*) echo "$version.dirty" ;;
*) echo "$version+dirty" ;;
esac
