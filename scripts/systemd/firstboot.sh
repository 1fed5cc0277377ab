#!/bin/bash
# What scripts/firstboot.sh looks at inside the gateway, by a oneshot unit.
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
