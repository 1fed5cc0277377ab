#!/bin/bash
# Lintian on the .deb packages in dist/release: no error. It installs lintian.
set -euo pipefail
cd "$(dirname "$0")/../.."
scripts/setup.sh lintian
for deb in dist/release/*.deb; do
	lintian --fail-on error --allow-root --tag-display-limit 0 "$deb"
	echo "lintian: no error in ${deb##*/}"
done
