// Package lm75 reads the LM75 and its many relatives with the same registers
// (LM75A, LM75B, DS75, TMP75, TMP105, AT30TS75): temperature in °C.
//
// It does not write to the chip: the one byte that precedes each read is the
// register pointer. Resolution and mode stay as the chip has them, which after
// power-on is continuous conversion, 3 to 10 times a second (LM75B §7.1: every
// 100 ms; LM75: at most 300 ms).
//
// # Never old, never of before the first conversion
//
// Each Read looks at the configuration first: a chip that another master put into
// shutdown would repeat its last temperature for ever, and is reported instead.
//
// Before its first conversion since power-on the register is 0 °C. So where the
// value before was not near 0 °C, or there was none, an exact 0 is read once more,
// after the longest conversion. There is no other state here: every Read is
// complete in itself, so an absent chip heals as soon as it answers.
//
// # Limits
//
// The chip has no id and no conversion-ready flag: whatever answers at the address
// with such bytes is taken for one. The first LM75 (Texas Instruments LM75B and
// LM75C today) begins its conversion anew after each read (table
// "Temperature-to-Digital Converter Characteristics", note 5): read more often
// than it converts, it never gets to an end.
//
// # Datasheets
//
// NXP LM75B product data sheet, revision 6.1, February 2015 (11 bits); § numbers
// are its. 9 bits: Texas Instruments LM75B, LM75C, SNIS153B, formerly National
// Semiconductor DS012658. 12 bits: Texas Instruments TMP75, SBOS288.
package lm75
