// Package tinyusb is a USB adapter for I²C that exists only in memory: the
// i2c-tiny-usb of Till Harbaum, with any i2c.Bus behind it, offered over USB/IP.
// A Linux kernel that attaches it runs its own usbcore, i2c-tiny-usb and i2c-dev
// on it and so has a real /dev/i2c-N whose chips are those of drivers/sim/i2csim.
//
// It does not know what a chip says, and it serves one kernel at a time. It is
// for the emulated boards only and is never part of a gateway's own path.
//
// # What is kept of the wire
//
// The kernel's driver sends one control transfer for each I²C message and one
// that asks for its status. A write that is not the last message waits for the
// read behind it, so that both become one transaction with a repeated start,
// as i2c.Bus has it. The answer to the waiting write is ACK; an address nobody
// answers at shows in the message after it, and the kernel returns ENXIO for
// the transfer in either case. A bus that hangs holds up its transfer only: the
// kernel's time limit then takes the transfer back (USBIP_CMD_UNLINK).
//
// # Sources
//
//   - Linux 6.1, Documentation/usb/usbip_protocol.rst: the messages
//   - Linux 6.1, drivers/i2c/busses/i2c-tiny-usb.c: commands, status, time limit of 2 s
//   - Universal Serial Bus Specification 2.0: §9.3 requests, §9.6 descriptors
package tinyusb
