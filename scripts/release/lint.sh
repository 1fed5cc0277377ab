#!/bin/bash
# Lintian on the .deb packages in dist/release: no error; mandoc on the man page: nothing
# to say; shellcheck on the completion. It installs them.
set -euo pipefail
cd "$(dirname "$0")/../.."
scripts/setup.sh lintian mandoc shellcheck
name=iot-edge-anomaly
tarball=$(ls dist/release/*_linux_amd64.tar.gz)
tar -xzOf "$tarball" usr/share/man/man1/$name.1.gz | gzip -d | mandoc -T lint -W warning
tar -xzOf "$tarball" usr/share/bash-completion/completions/$name | shellcheck -s bash -
echo "man page and completion: nothing to say"
for deb in dist/release/*.deb; do
	lintian --fail-on error --allow-root --tag-display-limit 0 "$deb"
	echo "lintian: no error in ${deb##*/}"
done
