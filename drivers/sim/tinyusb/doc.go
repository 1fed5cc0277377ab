// Package tinyusb simulates a USB adapter for I²C: the i2c-tiny-usb of Till Harbaum,
// with any i2c.Bus behind it, offered over USB/IP. A Linux kernel that attaches it
// runs its own usbcore, i2c-tiny-usb and i2c-dev on it. So it has a real /dev/i2c-N
// whose chips are those of drivers/sim/i2csim.
//
// It does not know what a chip's bytes mean, and it serves one kernel at a time. It
// is for the emulated boards only; a gateway never uses it to read its sensors.
//
// # How messages become transactions
//
// The kernel's driver sends one control transfer for each I²C message and one that
// asks for its status. A write that is not the last message waits for the read after
// it, so that both become one transaction with a repeated start, which is what
// i2c.Bus offers. The waiting write is answered with ACK. If no chip answers at the
// address, the message after it fails, and the kernel returns ENXIO for the transfer
// in either case. A bus that hangs delays only its own transfer: the kernel takes it
// back when its time limit is over (USBIP_CMD_UNLINK).
//
// # Sources
//
//   - Linux 6.1, Documentation/usb/usbip_protocol.rst: the messages
//   - Linux 6.1, drivers/i2c/busses/i2c-tiny-usb.c: commands, status, time limit of 2 s
//   - Universal Serial Bus Specification 2.0: §9.3 requests, §9.6 descriptors
package tinyusb
