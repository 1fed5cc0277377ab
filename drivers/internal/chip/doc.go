// Package chip is one device on an I²C bus as every driver of one sees it: its
// address, transfers whose errors say what was being done, waiting within a
// context, and the frame of a Read.
//
// It does not know registers, values or datasheets.
//
// # Memory
//
// What is written and read passes through buffers of the Chip, which lie on the
// heap with their driver: a transfer allocates nothing, and the kernel is never
// handed memory of a stack. What a method returns is valid until the next
// transfer.
package chip
