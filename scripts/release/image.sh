#!/bin/bash
# Unpacks the container image of dist/release with skopeo, which verifies its digests,
# and runs it in a chroot as its configuration says: the program as user 65532, then its
# health check. arm64 and armv7 run in emulation. It needs root.
set -euo pipefail
cd "$(dirname "$0")/../.."
scripts/setup.sh skopeo jq qemu-user-static
image=$(ls dist/release/*_oci.tar)
work=$(mktemp -d "${TMPDIR:-/var/tmp}/image.XXXXXX")
chmod 0755 "$work"
trap 'rm -rf --one-file-system "$work"' EXIT

tar -xf "$image" -C "$work" index.json
index=$(tar -xOf "$image" "blobs/sha256/$(jq -r '.manifests[0].digest | ltrimstr("sha256:")' "$work/index.json")")
[ "$(jq -r '[.manifests[].platform | .architecture + (.variant // "")] | join(" ")' <<<"$index")" = "amd64 arm64v8 armv7 armv6" ]

# unpack ARCH VARIANT: sets root and config.
unpack() {
	local dir=$work/$1$2.dir
	root=$work/$1$2
	skopeo copy --override-os linux --override-arch "$1" ${2:+--override-variant "$2"} "oci-archive:$image" "dir:$dir" >/dev/null
	config=$dir/$(jq -r '.config.digest | ltrimstr("sha256:")' "$dir/manifest.json")
	mkdir -p "$root"
	tar -xzf "$dir/$(jq -r '.layers[0].digest | ltrimstr("sha256:")' "$dir/manifest.json")" -C "$root" --same-owner -p
}

for arch in amd64: arm64:v8 arm:v7 arm:v6; do
	unpack "${arch%:*}" "${arch#*:}"
	case $arch in
	amd64:) emulator="" ;;
	arm64:*) emulator=qemu-aarch64-static ;;
	*) emulator=qemu-arm-static ;;
	esac
	if [ -n "$emulator" ]; then cp "$(command -v $emulator)" "$root/$emulator"; fi
	user=$(jq -r .config.User "$config")
	mapfile -t command < <(jq -r '.config | (.Entrypoint + .Cmd)[]' "$config")
	mapfile -t check < <(jq -r '.config.Healthcheck.Test[1:][]' "$config")
	# its own network: the page's port may be taken here
	unshare --net --pid --fork --kill-child bash -s "$root" "$user" "${emulator:+/$emulator}" "${#command[@]}" "${command[@]}" "${check[@]}" <<'INSIDE'
set -eu
root=$1 user=$2 emulator=$3 n=$4
shift 4
command=("${@:1:n}") check=("${@:n+1}")
ip link set lo up
chroot --userspec="$user" "$root" $emulator "${command[@]}" >"$root/tmp/log" 2>&1 &
agent=$!
for i in $(seq 100); do
	if chroot --userspec="$user" "$root" $emulator "${check[@]}" >"$root/tmp/check" 2>&1; then break; fi
	[ "$i" != 100 ] || { cat "$root/tmp/log" "$root/tmp/check" >&2; exit 1; }
	sleep 0.2
done
kill "$agent"
wait "$agent" || { cat "$root/tmp/log" >&2; exit 1; }
if chroot --userspec="$user" "$root" $emulator "${check[@]}" >/dev/null 2>&1; then
	echo "the health check is content with an agent that has ended" >&2
	exit 1
fi
INSIDE
	echo "image ${arch/:/ }: runs as $user, its health check is true while it runs; $(du -sk "$root/usr" | cut -f 1) KiB"
done
