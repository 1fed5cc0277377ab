#!/bin/sh
# Prints the size of each binary in dist/ and ends with 1 if one is larger than
# 12 MiB, so that growth does not go unnoticed.
set -eu
cd "$(dirname "$0")/.."
limit=$((12 * 1024 * 1024))

status=0
for f in dist/iot-edge-anomaly_linux_*; do
	size=$(wc -c <"$f")
	note=""
	if [ "$size" -gt "$limit" ]; then
		note="  larger than 12 MiB"
		status=1
	fi
	awk -v s="$size" -v f="$f" -v n="$note" 'BEGIN { printf "%-42s %9d B  %5.2f MiB%s\n", f, s, s / 1048576, n }'
done
exit $status
