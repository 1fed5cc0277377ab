// Package sysfssim writes a recorded /sys as files and links, for tests of drivers
// that read sensors through the kernel. It can make reads of these files fail as the
// kernel's do: with EIO, ENODEV and others.
//
// It does not know which drivers read the tree.
//
// # Recordings
//
// A recording is text, one file or link a line:
//
//	/sys/class/hwmon/hwmon0 -> ../../devices/virtual/thermal/thermal_zone0/hwmon0
//	/sys/devices/virtual/thermal/thermal_zone0/hwmon0/name: cpu_thermal
//
// A value ends with a newline, as the kernel's do. Empty lines and lines that begin
// with # are skipped. The recording is one file, and not a tree, because some file
// systems and archives refuse names with a colon (iio:device0).
//
// Pi4 is the tree of Linux 6.6 on a Raspberry Pi 4 with the overlays
// i2c-sensor,bmp280, i2c-sensor,lm75, i2c-sensor,hdc100x and w1-gpio. One of its
// chips (hwmon5) combines the channels of several real ones, so that there is a
// channel of each kind.
package sysfssim
