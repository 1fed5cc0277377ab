// Package regs reads any chip on I²C by a table of its registers, for chips
// that have no driver of their own: one channel for each register, in the unit
// that its manual gives.
//
// It knows no chip: what it is told is taken as true, and no datasheet stands
// behind a value. A chip whose values need arithmetic between registers (a
// compensation with calibration words, say) cannot be read by it.
//
// # A register
//
// The bytes at Skip behind the address At, Width of them, most significant
// first or last, are a number; Mask cuts bits out of it and Shift moves them
// down; with Signed the highest bit of the mask is the sign. The value is
// Offset + Scale * number. A number in Missing is the chip's way to say that it
// has none.
//
// At is written and the bytes are read in one transfer with a repeated start.
// With Wait the read is a transfer of its own after that time, as chips want
// that are commanded to measure; one that is not ready then does not answer and
// is asked four times more. Two checksums are known: Sensirion's behind each
// 16-bit word, and SMBus's packet error code at the end. A wrong one makes its
// register's value NaN; the others are still delivered.
//
// # What is written
//
// Init's bytes, in its order, once when the chip is opened: at the first Read
// and at the first after any failure. This is the one place where a
// configuration decides what is sent to a chip. It is for a sensor's own
// settings (its rate, its range, its wake-up), as every driver of a chip has
// them in its opening sequence, and for nothing that moves, switches or stores.
//
// A chip that loses its power forgets Init without failing. Check tells: the
// registers in it must have their values after all others were read, whether the
// power failed before or meanwhile, or every cell is NaN and the next Read opens
// the chip anew. A chip's id belongs there, and one setting that differs from its
// value at power-on.
//
// # Sources of the tests
//
// Microchip MCP9808 (DS25095A, §5.1.3), Melexis MLX90614 (rev. 8, §8.4.3.1, for
// the packet error code), Sensirion SHT3x-DIS (version 5, §4.12).
package regs
