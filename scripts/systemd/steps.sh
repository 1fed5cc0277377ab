#!/bin/bash
# What the scripts that run inside a container share. Sourced by /root/trial.sh.
set -u
unit=iot-edge-anomaly
# shellcheck disable=SC2034 # whoever sources this uses it
config=/etc/$unit/config.yaml
export SYSTEMD_PAGER=''

# step NAME COMMAND...: the command must end with 0.
step() {
	local name=$1 from
	from=$(date +%s%N)
	shift
	if "$@" >/root/step.log 2>&1; then
		printf 'ok    %-62s %6.1f s\n' "$name" "$(seconds "$from")"
	else
		printf 'FAIL  %-62s %6.1f s\n' "$name" "$(seconds "$from")"
		sed 's/^/        /' /root/step.log
		systemctl status $unit --no-pager -l | sed 's/^/        /'
		journalctl -u $unit -u broker -u watch -u plc -u clock -n 40 --no-pager | sed 's/^/        /'
		exit 1
	fi
}

seconds() { echo "$(($(date +%s%N) - $1))" | awk '{ print $1 / 1e9 }'; }

# wait_for SECONDS COMMAND...: repeats the command until it ends with 0.
wait_for() {
	local end=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$end" ] || return 1
		sleep 0.1
	done
}

health() { curl -sS -m 2 http://127.0.0.1:8080/health; }
health_says() { health | grep -q -- "$1"; }
version() { systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p'; }
pid() { systemctl show -p MainPID --value $unit; }
running() { [ "$(systemctl is-active $unit)" = active ] && health >/dev/null; }
restarted() { running && [ "$(pid)" != "$1" ] && [ "$(pid)" != 0 ]; }
