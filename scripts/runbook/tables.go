package main

// elsewhere are commands of the page that no test can run, with the reason. Each must be on
// the page.
var elsewhere = map[string]string{
	"systemctl edit iot-edge-anomaly":           "it opens an editor",
	"vcgencmd get_throttled":                    "a program of Raspberry Pi OS, for its firmware",
	"cat /sys/class/thermal/thermal_zone*/temp": "a container or a virtual machine has no thermal zone",
	"journalctl -u iot-edge-anomaly -g scarce":  "nothing is scarce: the guards are tested in agent/gateway",
}

// notCommands are code spans with a space that are none.
var notCommands = []string{
	"activating (auto-restart)", // a state of systemd
}
