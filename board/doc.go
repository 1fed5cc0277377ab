// Package board knows the gateway: which board it is, which I²C buses it has, how to
// open them and serial ports, its memory limit, clock and service manager. Its
// folders hold what is installed on a gateway, such as systemd units and udev rules.
//
// It does not know what a sensor or a model is. It starts no goroutine, logs
// nothing, and runs no command. It does not need to run as root: it reads files
// below a directory that the caller names ("/" on a gateway, a recorded tree in a
// test) and opens devices that a group may open.
//
// # I²C
//
// OpenI2C returns an i2c.BusCloser for /dev/i2c-N. "auto" means the bus on the
// board's pin header if this package knows it, otherwise the only bus; it never
// guesses between two. A failed transfer is repeated up to twice, but no longer than
// one timeout of the controller, and not after errors that cannot pass by
// themselves. Drivers report a missing answer with different errnos, so only the
// latter errors are listed. ScanI2C finds the addresses that answer, by i2cdetect's
// rules. A transfer that hangs in the kernel cannot be cancelled; Close does not
// wait for it.
//
// # Serial ports
//
// OpenSerial returns a raw line with deadlines, opened exclusively for this process.
// ListenSerial opens one for reading only. After its adapter is unplugged, a line
// returns io.EOF instead of blocking.
//
// The driver of a two-wire line is switched by its adapter, by the UART's driver in
// the kernel (KernelRS485), or by a GPIO line around each Write (DrivenBy).
//
// # The clock
//
// A board without a battery starts in the past. Clock reports ClockSynced only on
// evidence: the kernel's own flag, the file of systemd-timesyncd, or the word of chronyd
// or ntpd if the flag cannot be read. Otherwise it reports ClockUnset if the date is
// impossible, else ClockUnknown. The unit has ProtectClock=yes, which forbids adjtimex,
// although it only asks here: with it, systemd counts all that can set the clock as
// permitted, and the service could not be told from one that does.
//
// # Why an I²C bus of our own
//
// periph.io/x/host/v3/sysfs, version 3.8.5, stores the addresses of its request and
// messages, which are on the goroutine's stack, as integers. If the stack moves
// before the ioctl, the kernel reads and writes other memory. With 8 goroutines and
// a busy garbage collector, 16 to 161 of 40,000 transfers were corrupt. Here the
// request is on the heap and is passed as a pointer. Also, periph does not set the
// controller's timeout, so a stuck bus blocks for as long as its kernel driver
// waits. The interfaces are periph's, so all drivers and i2ctest work with this bus.
package board
