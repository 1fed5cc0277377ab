// Package sysfs reads sensors that the Linux kernel drives: it finds a device
// of a class below /sys by name, reads its attributes, and finds it again after
// it was away. Packages hwmon, iio, thermal and vibration stand on it.
//
// It does not know what an attribute means, and it writes only where a caller
// says so.
//
// # Why by name
//
// hwmon2 and iio:device0 are numbers in the order in which drivers came up, and
// change from one start to the next. What stays is the driver's name, the label
// from the device tree, and the place: the I2C address (1-0048), the 1-Wire
// serial number (28-0316a2795f3d), the platform device. A name that two devices
// share is refused with the list of both, because taking the first would swap
// two sensors one day.
//
// # Why open attributes are kept
//
// An attribute is opened once and read with pread(2) at offset 0, for which the
// kernel produces a fresh value each time (Documentation/filesystems/sysfs.rst,
// "Reading/Writing Attribute Data"). An open attribute belongs to the device it
// was opened for: when that is unplugged every read says ENODEV, even where
// another device has taken its number.
//
// Attributes are read with plain system calls: the runtime's poller, which
// os.Open would hand them to, waits for ever where a driver answers EAGAIN.
//
// # Errors
//
// EAGAIN, EBUSY, EINTR, EIO, ENXIO, EREMOTEIO, EBADMSG, EPROTO and ETIMEDOUT are
// what chip drivers answer when a transfer went wrong or the chip was busy; such
// a read is repeated twice, pauseRetry apart. Any error that remains makes the
// next read look for the device anew.
package sysfs
