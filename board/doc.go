// Package board knows the gateway: which board it is, which I²C buses it has,
// how to open them and serial ports, its memory limit, clock and service
// manager. The folders beside it hold what is installed on a gateway: systemd
// and udev.
//
// It does not know what a sensor says or what a model is, it starts no
// goroutine, logs nothing, and runs no command. It needs no root: it reads
// files below a root that the caller names ("/" on a gateway, a recorded tree
// in a test) and opens devices that a group may open.
//
// # I²C
//
// OpenI2C gives an i2c.BusCloser over /dev/i2c-N. "auto" is the bus on the
// board's pin header where this package knows it, or the only bus there is; it
// never guesses between two. A transfer that failed is repeated twice, unless the
// error cannot pass, and not for longer than one time-out of the controller: what
// a controller calls "no answer" differs from driver to driver, so no errno is
// waited for. ScanI2C asks which addresses answer, by i2cdetect's rules. A
// transfer that hangs in the kernel cannot be cancelled by anybody: Close does
// not wait for it.
//
// # Serial ports
//
// OpenSerial gives a raw line with deadlines, opened for this process alone. A
// line whose adapter is unplugged ends with io.EOF instead of blocking.
//
// A two-wire line is switched by its adapter, by the UART's driver in the
// kernel (KernelRS485), or by a GPIO line around each Write (DrivenBy).
//
// # The clock
//
// A board without a battery starts in the past. Clock says synced only on
// evidence: the kernel's own flag, or the mark of systemd-timesyncd where the
// flag may not be read. Everything else is unset, when the date is impossible,
// or unknown.
//
// # Why an I²C bus of our own
//
// periph.io/x/host/v3/sysfs, version 3.8.5, keeps the addresses of its request
// and messages, which live on the goroutine's stack, as integers; when the
// stack moves before the ioctl, the kernel reads and writes what lies there
// now. With 8 goroutines and a busy collector 16 to 161 of 40,000 transfers
// were corrupt. Here the request lives on the heap and is passed as a pointer.
// Neither does periph set the controller's timeout, so that a stuck bus blocks
// for as long as the driver pleases. The interfaces stay periph's, so every
// driver and i2ctest fit.
package board
