// Package sysfs reads sensors that the Linux kernel drives: it finds a device of a
// class in /sys by name, reads its attributes, and finds it again after it was
// away. Packages hwmon, iio, thermal and vibration use it.
//
// It does not know what an attribute means, and it writes only what a caller tells
// it to.
//
// # Why by name
//
// hwmon2 and iio:device0 are numbered in the order in which their drivers started,
// and the numbers change from one start to the next. What stays is the driver's
// name, the label from the device tree, and the place: the I2C address (1-0048), the
// 1-Wire serial number (28-0316a2795f3d), the platform device. A name that two
// devices share is refused with a list of both, because the order may change and
// swap two sensors.
//
// # Why attributes stay open
//
// An attribute is opened once and read with pread(2) at offset 0, for which the
// kernel produces a fresh value each time (Documentation/filesystems/sysfs.rst,
// "Reading/Writing Attribute Data"). An open attribute belongs to the device it
// was opened for: after that is unplugged every read returns ENODEV, even if
// another device has taken its number.
//
// Attributes are read with plain system calls. os.Open would register them with the
// runtime's poller, which waits for ever if a driver returns EAGAIN.
//
// # Errors
//
// Chip drivers return EAGAIN, EBUSY, EINTR, EIO, ENXIO, EREMOTEIO, EBADMSG, EPROTO
// or ETIMEDOUT if a transfer failed or the chip was busy. Such a read is repeated
// twice, pauseRetry apart. After any error that remains, the next read looks for
// the device anew.
package sysfs
