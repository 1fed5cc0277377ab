// Package sysfssim lays out a recorded /sys as files and links, for tests of
// what reads sensors through the kernel, and can make those files answer as a
// kernel does and files do not: with EIO, ENODEV, or only after a while.
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
// A value ends with a newline, as the kernel's do. Empty lines and lines that
// begin with # are skipped. Folders of links and files would hold names with a
// colon (iio:device0), which some file systems and archives refuse.
//
// Pi4 is what Linux 6.6 shows on a Raspberry Pi 4 with what the overlays
// i2c-sensor,bmp280, i2c-sensor,lm75, i2c-sensor,hdc100x and w1-gpio add, as its
// drivers lay it out; one chip has channels of several (hwmon5), so that there is
// one of each kind.
package sysfssim
