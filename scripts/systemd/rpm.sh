#!/bin/bash
# The steps of scripts/release/rpm.sh, run by a oneshot unit inside the container.
set -u
# shellcheck source=scripts/systemd/steps.sh
. /root/steps.sh

# --nodeps: this machine's packages are not in rpm's database
rpm_() { rpm --nodeps "$@"; }
files() { rpm -ql $unit | while read -r f; do [ -e "$f" ] || echo "$f is missing"; done | tee /dev/stderr | wc -l | grep -qx 0; }
users() {
	getent group iot-edge-anomaly i2c dialout iio
	[ "$(getent group iot-edge-anomaly i2c dialout iio | wc -l)" = 4 ]
}
silent() {
	local out
	out=$(systemd-analyze verify $unit.service 2>&1 | grep -i anomaly)
	echo "$out"
	[ -z "$out" ]
}
machine() { iot-edge-anomaly status | grep '^tank1'; }
events() { iot-edge-anomaly event list --json | grep -o '"event":"[^"]*"'; }
an_event() { [ -n "$(events)" ]; }

step "rpm -i, an older version" rpm_ -i /root/old.rpm
step "the service runs at once" wait_for 20 running
step "it is enabled" systemctl is-enabled $unit
step "health says: nothing is configured: run init" health_says 'nothing is configured: run iot-edge-anomaly init'
step "rpm -V: every file is as packed" rpm_ -V $unit
step "every file is there" files
step "groups are there" users
step "systemd-analyze verify has nothing to say" silent
step "the folder of credentials is closed" bash -c "[ \"\$(stat -c '%a %U' /etc/$unit/credentials)\" = '700 root' ]"

{ printf 'timestamp,level\n' && for i in $(seq 0 999); do echo "$i,6"; done; } >/etc/$unit/high.csv
cat >$config <<CONFIG
gateway: {site: plant, id: gw7}
sensors:
  - {name: tank, driver: replay, file: /etc/$unit/high.csv, loop: true, limits: {level: {warn: 3, alarm: 5}}}
machines:
  - {name: tank1, channels: ["tank.*"], period: 200ms, detect: {hold: 600ms}}
CONFIG
cp $config /root/mine.yaml
step "a configuration of its own, restart" systemctl restart $unit
step "an event is open" wait_for 30 an_event
event=$(events | head -n 1)
kept() {
	cmp $config /root/mine.yaml && ! ls /etc/$unit/*.rpm* && [ "$(events | sort -u)" = "$event" ] && machine && systemctl is-enabled $unit
}
before=$(pid)
step "rpm -U, the new version" rpm_ -U /root/new.rpm
step "it was restarted" wait_for 20 restarted "$before"
step "one version is installed, the new one" bash -c "rpm -q $unit && [ \"\$(rpm -q $unit)\" = \"\$(rpm -qp /root/new.rpm)\" ]"
step "a file that is no longer shipped is gone" test ! -e /usr/share/doc/$unit/OLD
step "configuration, enabling and the open event are kept" wait_for 20 kept
before=$(pid)
step "rpm -U --oldpackage, the older version" rpm_ -U --oldpackage /root/old.rpm
step "it was restarted" wait_for 20 restarted "$before"
step "configuration, enabling and the open event are kept" wait_for 20 kept
step "rpm -U, the new version" rpm_ -U /root/new.rpm
step "an operator switches it off" systemctl disable --now $unit
step "rpm -U --replacepkgs, the same version" rpm_ -U --replacepkgs /root/new.rpm
step "it stays off" bash -c "! systemctl is-enabled $unit && ! systemctl is-active $unit"
step "it is switched on again" systemctl enable --now $unit
step "it runs" wait_for 20 running
systemctl status $unit --no-pager -l | sed 's/^/        /'

step "rpm -e" rpm_ -e $unit
step "the process has ended" bash -c "! pgrep -x $unit"
gone() {
	local found
	found=$(find / -xdev -name "*$unit*" -not -path '/proc/*' -not -path '/sys/*' -not -path '/root/*' -not -path '/var/log/*' -not -path '/tmp/*' -not -path "/etc/$unit*" -not -path "/var/lib/private/$unit*" -not -path "/var/lib/$unit*")
	echo "$found"
	[ -z "$found" ]
}
step "nothing is left of the package" gone
step "a changed configuration is kept as .rpmsave" cmp $config.rpmsave /root/mine.yaml
step "the state is kept" test -d /var/lib/private/$unit
step "rpm -i again" rpm_ -i /root/new.rpm
step "the service runs at once" wait_for 20 running
echo "all steps passed"
