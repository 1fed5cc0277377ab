// Package regs reads any I²C chip by a table of its registers, for chips without a
// driver of their own: one channel for each register, in the unit that the chip's
// manual gives.
//
// It knows no chip: it trusts the table, and no datasheet was checked for its
// values. It cannot read a chip whose values need arithmetic between registers,
// for example a compensation with calibration words.
//
// # A register
//
// After At is written, Width bytes, the first Skip bytes left out, form a number,
// most significant byte first or last. Mask selects bits of the number, Shift moves
// them down, and with Signed the highest bit of the mask is the sign. The value is
// Offset + Scale * number. A number listed in Missing means that the chip has no
// value.
//
// At is written and the bytes are read in one transfer with a repeated start. With
// Wait, the read is a separate transfer after that time, for chips that measure on
// command. If such a chip is not ready it does not answer, and is asked up to four
// more times. Two checksums are supported: Sensirion's after each 16-bit word, and
// SMBus's packet error code at the end. A wrong checksum makes its register's value
// NaN; the others are still delivered.
//
// # What is written
//
// Read writes the transfers of Init, in order, when it opens the chip: the first
// time and after any failure. This is the only place where a configuration decides
// what is sent to a chip. It is for a sensor's own settings (its rate, range,
// wake-up), which other drivers write in their opening sequence. It is not for
// anything that moves, switches or stores.
//
// A chip that loses its power forgets Init without any failure. Check detects that:
// after all registers were read, those in Check must have their given values, or
// every cell becomes NaN and the next Read opens the chip anew. A good Check
// contains the chip's id and a setting of Init that differs from its value at
// power-on.
//
// # Sources of the tests
//
// Microchip MCP9808 (DS25095A, §5.1.3), Melexis MLX90614 (rev. 8, §8.4.3.1, for
// the packet error code), Sensirion SHT3x-DIS (version 5, §4.12).
package regs
