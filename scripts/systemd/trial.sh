#!/bin/bash
# The steps of scripts/systemd.sh, run by a oneshot unit inside the container.
set -u
unit=iot-edge-anomaly
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
		journalctl -u $unit -n 40 --no-pager | sed 's/^/        /'
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
pid() { systemctl show -p MainPID --value $unit; }
running() { [ "$(systemctl is-active $unit)" = active ] && health >/dev/null; }
restarted() { running && [ "$(pid)" != "$1" ] && [ "$(pid)" != 0 ]; }

step "install: dpkg -i" dpkg -i /root/new.deb
step "the service runs at once" wait_for 20 running
step "health says: nothing is configured: run init" health_says 'nothing is configured: run iot-edge-anomaly init'
step "health is healthy" health_says '"status":"healthy"'
step "status ends with 0" iot-edge-anomaly status
step "systemd-analyze verify has nothing to say" bash -c "out=\$(systemd-analyze verify $unit.service 2>&1 | grep -i anomaly); echo \"\$out\"; [ -z \"\$out\" ]"
# 0.3 of it is adjtimex, by which the agent asks whether the clock is synchronised. It
# cannot set the clock: it has no capability.
exposure() {
	local e
	e=$(systemd-analyze security --offline=true /usr/lib/systemd/system/$unit.service 2>/dev/null | sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p')
	echo "exposure $e"
	systemd-analyze security $unit.service | grep -v '^✓'
	awk -v e="$e" 'BEGIN { exit !(e > 0 && e <= 1.9) }'
}
step "exposure is at most 1.9 (systemd-analyze security)" exposure

good() {
	printf 'timestamp,level\n' >/etc/$unit/rows.csv
	for i in $(seq 0 999); do echo "$i,$((i % 7))"; done >>/etc/$unit/rows.csv
	cat >$config <<CONFIG
sensors:
  - {name: tank, driver: replay, file: /etc/$unit/rows.csv, loop: true, limits: {level: {warn: 3, alarm: 5}}}
machines:
  - {name: tank1, channels: ["tank.*"], period: 200ms}
CONFIG
	iot-edge-anomaly check $config
}
step "a configuration with one sensor is good" good
step "systemctl reload takes it" systemctl reload $unit
step "the machine is there" wait_for 10 health_says '"tank1"'
bad() {
	cp $config /root/good.yaml
	echo 'nonsense: 1' >>$config
	! systemctl reload $unit
}
step "systemctl reload fails for a file that is refused" bad
step "the old configuration is still in force" health_says '"tank1"'
step "systemctl status says why" bash -c "systemctl status $unit --no-pager -l | grep -i 'refused\|nonsense'"
back() {
	cp /root/good.yaml $config
	systemctl reload $unit
}
step "the good file is taken again" back

killed() {
	local worst=0 i from p took
	for i in 1 2 3 4 5; do
		p=$(pid)
		from=$(date +%s%N)
		kill -9 "$p"
		wait_for 20 restarted "$p" || return 1
		took=$(seconds "$from")
		worst=$(awk -v a="$worst" -v b="$took" 'BEGIN { print (a > b) ? a : b }')
	done
	echo "slowest restart $worst s"
	awk -v w="$worst" 'BEGIN { exit !(w < 6) }'
}
step "kill -9, five times: back each time" killed
sed 's/^/        /' /root/step.log
stopped() {
	local p
	p=$(pid)
	kill -STOP "$p"
	wait_for 60 restarted "$p"
}
step "a stopped process is restarted by the watchdog" stopped
events() { find /var/lib/$unit/ /var/lib/private/$unit/ -name '*.seg' | grep -q .; }
step "its queue is in the state folder" events

step "upgrade: dpkg -i again" dpkg -i /root/new.deb
step "it runs after the upgrade" wait_for 20 running
step "the upgrade kept the configuration" cmp $config /root/good.yaml
step "and the machine" wait_for 10 health_says '"tank1"'

step "remove: dpkg -r" dpkg -r $unit
step "the process has ended" bash -c "! pgrep -x $unit"
step "configuration and state are kept" test -e $config -a -d /var/lib/private/$unit
step "purge: dpkg -P" dpkg -P $unit
left() {
	local found
	found=$(find / -xdev -name "*$unit*" -not -path '/proc/*' -not -path '/sys/*' -not -path '/root/*' -not -path '/var/lib/dpkg/*' -not -path '/var/log/*' -not -path '/var/cache/*')
	echo "$found"
	[ -z "$found" ]
}
step "purge leaves nothing" left
echo "all steps passed"
