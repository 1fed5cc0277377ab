// Package chip is what all drivers of I²C chips share: one device at an address of
// a bus, transfers whose errors say what was being done, waiting within a context,
// and the frame of a Read.
//
// It does not know registers, values or datasheets.
//
// # Memory
//
// All bytes pass through buffers of the Chip, which are on the heap as part of the
// driver. So a transfer allocates nothing, and the kernel never gets a pointer to a
// stack. Bytes that a method returns are valid until the next transfer.
package chip
