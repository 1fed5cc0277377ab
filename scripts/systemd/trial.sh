#!/bin/bash
# The steps of scripts/systemd.sh, run by a oneshot unit inside the container.
set -u
# shellcheck source=scripts/systemd/steps.sh
. /root/steps.sh

mosquitto_passwd -b -c /etc/mosquitto/pw gw secret
chmod 0644 /etc/mosquitto/pw
printf 'listener 1883 127.0.0.1\nallow_anonymous false\npassword_file /etc/mosquitto/pw\npersistence false\n' >/root/mosquitto.conf
cp /root/mosquitto.conf /etc/mosquitto/trial.conf
# unit NAME COMMAND...: another service of this machine
unit() {
	printf '[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=on-failure\nRestartSec=0.2\nExecStart=%s\n' "${*:2}" >"/etc/systemd/system/$1.service"
}
unit broker /usr/sbin/mosquitto -c /etc/mosquitto/trial.conf
unit plc /root/plc
unit clock /usr/sbin/chronyd -x -d -u root -f /root/chrony.conf
unit watch /bin/bash -c "'exec stdbuf -oL mosquitto_sub -h 127.0.0.1 -i watch -c -q 1 -u gw -P secret -t \"#\" -v >>/root/mqtt.log'"
systemctl daemon-reload
systemctl stop chrony 2>/dev/null # the package has started it
# what a subscriber got, which comes back by itself
told() { grep -c '/event ' /root/mqtt.log; }
told_more() { [ "$(told)" -gt "$1" ]; }
newest() { grep '/event ' /root/mqtt.log | tail -n 1; }
newest_says() { newest | grep -q -- "$1"; }

echo "systemd $(version)"
step "install: dpkg -i, an older version" dpkg -i /root/older.deb
step "the service runs at once" wait_for 20 running
step "health says: nothing is configured: run init" health_says 'nothing is configured: run iot-edge-anomaly init'
step "health is healthy" health_says '"status":"healthy"'
step "status ends with 0" iot-edge-anomaly status
silent() {
	local out
	out=$(systemd-analyze verify $unit.service $unit-weekly.timer $unit-monthly.timer $unit-weekly.service $unit-monthly.service 2>&1 | grep -i "anomaly")
	echo "$out"
	[ -z "$out" ]
}
step "systemd-analyze verify has nothing to say" silent
# systemd before 250 cannot look at a file, and counts otherwise
exposure() {
	local e
	e=$(systemd-analyze security --no-pager $unit.service 2>/dev/null | sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p')
	echo "exposure $e"
	systemd-analyze security --no-pager $unit.service | grep -v '^✓'
	awk -v e="$e" 'BEGIN { exit !(e > 0 && e <= 1.6) }'
}
step "exposure is at most 1.6 (systemd-analyze security)" exposure

# Credentials: a file that root alone may read, under the same name with any systemd.
printf secret >/etc/$unit/credentials/mqtt
chmod 0600 /etc/$unit/credentials/mqtt
systemctl start broker
systemctl start plc
systemctl start watch
good() {
	{ printf 'timestamp,level\n' && for i in $(seq 0 999); do echo "$i,$((i / 15 % 2 * 6))"; done; } >/etc/$unit/rows.csv
	{ printf 'timestamp,level\n' && for i in $(seq 0 999); do echo "$i,6"; done; } >/etc/$unit/high.csv
	cat >$config <<CONFIG
gateway: {site: plant, id: gw7}
buses:
  line: {modbus: "tcp://127.0.0.1:1502"}
sensors:
  - {name: tank, driver: replay, file: /etc/$unit/rows.csv, loop: true, limits: {level: {warn: 3, alarm: 5}}}
  - {name: pump, driver: modbus, bus: line, unit: 1, registers: [{name: current, at: "holding:0", type: u16}]}
machines:
  - {name: tank1, channels: ["tank.*"], period: 200ms, detect: {hold: 600ms}}
  - {name: pump1, channels: ["pump.*"], period: 200ms}
mqtt: {broker: "mqtt://127.0.0.1:1883", username: gw, password_file: /run/credentials/$unit.service/cred_mqtt}
CONFIG
	iot-edge-anomaly check $config >/root/check.log
	cat /root/check.log
	! grep -q 'error' /root/check.log
}
step "a configuration with two machines and a broker is good" good
if [ "$(version)" -lt 251 ]; then
	step "the drop-in for credentials is written" bash -c "/usr/lib/$unit/credentials && grep -qx 'LoadCredential=cred_mqtt:/etc/$unit/credentials/mqtt' /lib/systemd/system/$unit.service.d/50-old-systemd.conf"
	step "systemd-analyze verify has nothing to say of it" silent
else
	step "no drop-in is needed for credentials" bash -c "/usr/lib/$unit/credentials && test ! -e /lib/systemd/system/$unit.service.d"
fi
step "restart" systemctl restart $unit
step "the machines are there" wait_for 10 health_says '"tank1"'
step "events arrive: the password came by LoadCredential" wait_for 30 told_more 1
switched_off() { [ "$(systemctl is-enabled $unit-weekly.timer 2>/dev/null) $(systemctl is-enabled $unit-monthly.timer 2>/dev/null)" = "disabled disabled" ]; }
step "the timers of the checks are switched off" switched_off
weekly() {
	systemctl start $unit-weekly.service # fails where the gateway is degraded
	journalctl --no-pager -u $unit-weekly.service | grep 'The gateway ran'
}
step "the weekly check writes to the journal" weekly
monthly() {
	systemctl start $unit-monthly.service
	journalctl --no-pager -u $unit-monthly.service | grep 'ran .* of the time'
	ls -l /var/lib/$unit/reports/
	ls /var/lib/$unit/reports/gw7-*.html
}
step "the monthly report writes a page into the state folder" monthly
step "the timers can be switched on" systemctl enable --now $unit-weekly.timer $unit-monthly.timer
step "the clock is unknown without a time daemon" newest_says '"time_quality":"unknown"'
synced() {
	printf 'local stratum 8\nport 0\n' >/root/chrony.conf
	systemctl start clock
	wait_for 40 newest_says '"time_quality":"synced"'
}
step "the clock is synced when chronyd says so" synced
systemctl stop clock

step "systemctl reload takes a good file" bash -c "sed -i 's/warn: 3/warn: 4/' $config && systemctl reload $unit"
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

# A machine that is busy with other things may be late now and then.
killed() {
	local from p late took
	for _ in $(seq 20); do
		p=$(pid)
		from=$(date +%s%N)
		kill -9 "$p"
		wait_for 10 restarted "$p" || return 1
		seconds "$from"
	done | sort -n >/root/restarts
	took=$(tail -n 1 /root/restarts)
	late=$(awk '$1 >= 3' /root/restarts | wc -l)
	echo "$(wc -l </root/restarts) restarts, median $(sed -n 10p /root/restarts) s, slowest $took s, $late not in 3 s"
	[ "$(wc -l </root/restarts)" = 20 ] && [ "$late" -le 2 ]
}
before=$(told)
step "kill -9, 20 times: back in less than 3 s" killed
sed 's/^/        /' /root/step.log
step "events continue" wait_for 30 told_more $((before + 2))
stopped() {
	local p
	p=$(pid)
	kill -STOP "$p"
	wait_for 60 restarted "$p"
}
step "a stopped process is restarted by the watchdog" stopped
step "journal names the watchdog" bash -c "journalctl -u $unit --no-pager | grep -i 'watchdog timeout'"

# A stage stands still while the process lives: its next line of the log does not return,
# because nobody reads the pipe that it goes to.
drop_ins=/etc/systemd/system/$unit.service.d
stuck() {
	mkfifo /run/stuck
	exec 9<>/run/stuck
	mkdir -p $drop_ins
	printf '[Service]\nStandardError=file:/run/stuck\n' >$drop_ins/stuck.conf
	systemctl daemon-reload
	systemctl restart $unit
	wait_for 30 health_says '"tank1"' || return 1
	dd if=/dev/zero of=/run/stuck oflag=nonblock bs=4096 status=none
	dd if=/dev/zero of=/run/stuck oflag=nonblock bs=1 status=none
	frozen=$(pid)
	wait_for 60 health_says 'makes no progress' && kill -0 "$frozen" && health
}
step "a stage stands still: health names it, the process lives" stuck
grep -o '[a-z]* of [a-z0-9]* makes no progress' /root/step.log | sed 's/^/        /'
timeouts_more() { [ "$(timeouts)" -gt "$1" ]; }
timeouts() { journalctl -u $unit --no-pager | grep -ci 'watchdog timeout'; }
unstuck() {
	wait_for 60 timeouts_more "$1" || return 1
	cat <&9 >/dev/null & # so that it can end, and begin again
	wait_for 60 restarted "$frozen" || return 1
	kill $!
	rm $drop_ins/stuck.conf
	rmdir $drop_ins
	systemctl daemon-reload && systemctl restart $unit
}
before=$(told)
step "the watchdog restarts it" unstuck "$(timeouts)"
exec 9>&-
step "events continue" wait_for 30 told_more "$before"

away() {
	systemctl stop broker
	before=$(told)
	sleep 20
	health_says '"status":"degraded"' && [ "$(told)" = "$before" ]
}
step "the broker is away for 20 s: degraded" away
systemctl start broker
step "it is back: what was queued arrives" wait_for 60 told_more $((before + 1))
step "no gap in the events (mqtt check)" iot-edge-anomaly mqtt check --for 10s
bus_away() {
	systemctl stop plc
	wait_for 30 bash -c "grep -q '\"kind\":\"bus_fault\"' /root/mqtt.log" && health_says '"tank1"'
}
step "the bus is away: bus_fault, the other machine goes on" bus_away
before=$(told)
step "its events too" wait_for 30 told_more "$before"
systemctl start plc
step "the bus is back" wait_for 60 bash -c "grep '\"kind\":\"bus_fault\"' /root/mqtt.log | grep -q '\"state\":\"close'"

step "a level that stays high: an event is open" bash -c "sed -i s,rows.csv,high.csv, $config && cp $config /root/good.yaml && systemctl restart $unit"
open_event() { iot-edge-anomaly event list --json | grep -o '"event":"[^"]*"' | head -n 1; }
step "event list has it" wait_for 30 bash -c "iot-edge-anomaly event list --json | grep -q '\"event\"'"
event=$(open_event)
kept() {
	wait_for 30 bash -c "iot-edge-anomaly event list --json | grep -q '$event'" && cmp $config /root/good.yaml && health_says '"tank1"' &&
		[ "$(iot-edge-anomaly event list --json | grep -o '"event":"[^"]*"' | sort | uniq -d | wc -l)" = 0 ]
}
step "upgrade: dpkg -i" dpkg -i /root/new.deb
step "it runs after the upgrade" wait_for 20 running
step "configuration, machines and the open event are kept" kept
step "downgrade: dpkg -i, the older version" dpkg -i /root/older.deb
step "it runs after the downgrade" wait_for 20 running
step "configuration, machines and the open event are kept" kept
dpkg -i /root/new.deb >/dev/null 2>&1
wait_for 20 running
step "systemctl status is clean" bash -c "systemctl status $unit --no-pager -l"
sed 's/^/        /' /root/step.log
echo "        the journal's warnings and errors, how often each:"
journalctl -u $unit -p warning --no-pager -o cat | sed 's/[0-9.]\+m\?s\b/…/g; s/[0-9]\+/N/g' | cut -c 1-150 | sort | uniq -c | sort -rn | head -n 25 | sed 's/^/        /'
step "no panic and no denied system call in the journal" bash -c "! journalctl -u $unit --no-pager | grep -v SIGABRT | grep -i 'panic:\|operation not permitted\|SIGSYS'"

fields() {
	journalctl -u $unit -o json --no-pager MACHINE=tank1 "EVENT=$(echo "$event" | cut -d '"' -f 4)" | head -n 1 | tee /root/entry.json
	for field in '"MACHINE":"tank1"' '"CHANNEL":"tank.level"' '"KIND":"limit"' '"PRIORITY":"6"' '"_TRANSPORT":"journal"' "\"SYSLOG_IDENTIFIER\":\"$unit\""; do
		grep -q -- "$field" /root/entry.json || { echo "no $field" && return 1; }
	done
}
step "the journal has the event by its fields" fields
sed 's/^/        /' /root/step.log | cut -c 1-400
step "nothing came by stderr" bash -c "! journalctl -u $unit -b --no-pager _TRANSPORT=stdout | grep 'level='"
# the pump of the page has another register: its rows so far would be discarded, and told
systemctl stop $unit
rm -rf /var/lib/private/$unit/learn
step "every command of docs/runbook.md does what it says" /root/runbook /root/runbook.md
tail -n 1 /root/step.log
good >/dev/null && systemctl reset-failed && systemctl restart $unit
wait_for 20 running

drop_in() {
	mkdir -p /etc/systemd/system/$unit.service.d
	printf '[Service]\nProtectClock=no\nSystemCallFilter=adjtimex\n' >/etc/systemd/system/$unit.service.d/clock.conf
	systemctl daemon-reload && systemctl restart $unit && wait_for 20 running && silent &&
		systemctl show -p ProtectClock $unit | grep -qx ProtectClock=no
}
step "a drop-in lets it ask the kernel for the clock" drop_in

step "remove: dpkg -r" dpkg -r $unit
step "the process has ended" bash -c "! pgrep -x $unit"
step "configuration and state are kept" test -e $config -a -d /var/lib/private/$unit
step "purge: dpkg -P" dpkg -P $unit
left() {
	local found
	found=$(find / -xdev -name "*$unit*" -not -path '/proc/*' -not -path '/sys/*' -not -path '/root/*' -not -path '/var/lib/dpkg/*' -not -path '/var/log/*' -not -path '/var/cache/*' -not -path '/tmp/*')
	echo "$found"
	[ -z "$found" ]
}
step "purge leaves nothing" left

# Debian 11 has openssl 1.1 and no minisign: install.sh says so, and the checksum remains.
by_script() {
	if openssl pkeyutl -help 2>&1 | grep -q rawin; then
		sh /root/release/install.sh --from /root/release --key /root/release/key.pub
	else
		sh /root/release/install.sh --from /root/release --key /root/release/key.pub 2>&1 | grep 'neither minisign nor openssl 3 is here' &&
			sh /root/release/install.sh --from /root/release --checksum-only
	fi
}
step "install.sh of the release" by_script
step "the service runs at once" wait_for 20 running
step "install.sh again: an upgrade" by_script
step "it runs after the upgrade" wait_for 20 running
step "install.sh uninstall --purge" sh /root/release/install.sh uninstall --purge
step "the process has ended" bash -c "! pgrep -x $unit"
step "it leaves nothing" left
echo "all steps passed"
