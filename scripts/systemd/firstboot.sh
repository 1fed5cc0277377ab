#!/bin/bash
# What scripts/firstboot.sh looks at inside the gateway, by a oneshot unit: after the first
# boot, and again after the watchdog's reset.
set -u
export SYSTEMD_PAGER=''
unit=iot-edge-anomaly
up() { echo "$(cut -d . -f 1 /proc/uptime) s"; }
health() { curl -sS -m 10 http://127.0.0.1:8080/health; }
healthy() {
	for _ in $(seq 300); do
		if health 2>/dev/null | grep -q '"status":"healthy"'; then return; fi
		sleep 1
	done
	return 1
}
service() { echo "service: $(systemctl is-active $unit), $(systemctl is-enabled $unit)"; }
look() {
	systemctl status $unit --no-pager -l | head -n 12
	journalctl -u $unit --no-pager | tail -n 20
}

# again WHAT: this is another boot than the one in which WHAT has hung.
again() {
	[ "$(cat /root/hung)" != "$(cat /proc/sys/kernel/random/boot_id)" ] || exit 1
	echo "started again by the watchdog after $1: $(up) since the reset"
	healthy || look
	echo "$(service), after $1"
	iot-edge-anomaly doctor | grep '^ *watchdog'
}
# hang WHAT COMMAND...: the watchdog must reset this machine.
hang() {
	echo "$1 hangs: $(up)"
	cat /proc/sys/kernel/random/boot_id >/root/hung
	echo "$1" >/root/what
	sync
	eval "$2"
	sleep 300
	echo "no watchdog has reset it in 300 s"
	exit
}

case $(cat /root/what 2>/dev/null) in
systemd)
	again systemd
	echo 0 >/proc/sys/kernel/panic # no reset by itself
	hang kernel 'echo c >/proc/sysrq-trigger'
	;;
kernel)
	again kernel
	exit
	;;
esac

echo "$(cloud-init status --wait | tail -n 1) after $(up)" | sed 's/^/cloud-init: /'
echo "machine: $(uname -m)"
echo "kernel: $(uname -r)"
echo "package: $(dpkg-query -W $unit)"
healthy || look
service
echo "health: $(health)"
iot-edge-anomaly status | sed 's/^/status: /'
rows() { curl -sS -m 10 http://127.0.0.1:8080/metrics | sed -n 's/^samples_processed_total{[^}]*} //p' | head -n 1; }
echo "rows: $(rows)"
echo "mode of the password: $(stat -c %a /etc/$unit/credentials/mqtt)"
echo "up: $(up)"

# The recipe of docs/troubleshooting.md, with more time, because an emulated systemd is slow.
# qemu has the watchdog of an Intel chip set.
mkdir -p /etc/systemd/system.conf.d
printf '[Manager]\nRuntimeWatchdogSec=60\nRebootWatchdogSec=2min\n' >/etc/systemd/system.conf.d/watchdog.conf
systemctl daemon-reexec
echo "watchdog: $(systemctl show -p RuntimeWatchdogUSec), $(cat /sys/class/watchdog/watchdog0/identity) is $(cat /sys/class/watchdog/watchdog0/state)"
wdctl
hang systemd 'echo 1 >/sys/fs/cgroup/init.scope/cgroup.freeze'
