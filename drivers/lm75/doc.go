// Package lm75 reads the LM75 and its many relatives with the same registers
// (LM75A, LM75B, DS75, TMP75, TMP105, AT30TS75): temperature in °C.
//
// It does not write to the chip: the one byte that precedes each read is the
// register pointer. Resolution and mode stay as the chip has them, which after
// power-on is continuous conversion, 3 to 10 times a second (LM75B §7.1: every
// 100 ms; LM75: at most 300 ms).
//
// # What is never delivered
//
// A value from shutdown: a chip that another master put into shutdown repeats its
// last temperature for ever. Each Read looks at the configuration first and
// reports shutdown as an error.
//
// The value before the first conversion: from power-on until then the register
// holds 0 °C. If a Read finds exactly 0 and the previous value was not near 0 °C,
// or there was none, it waits for the longest conversion and reads again.
//
// The driver keeps no other state: every Read is complete in itself, so an absent
// chip is read as soon as it answers.
//
// # Limits
//
// The chip has no id and no conversion-ready flag: the driver cannot detect another
// chip at the address. The original LM75 (today Texas Instruments LM75B and LM75C)
// restarts its conversion after each read (table "Temperature-to-Digital Converter
// Characteristics", note 5). If it is read more often than it converts, it never
// completes a conversion.
//
// # Datasheets
//
// NXP LM75B product data sheet, revision 6.1, February 2015 (11 bits); § numbers
// refer to it. 9 bits: Texas Instruments LM75B, LM75C, SNIS153B, formerly National
// Semiconductor DS012658. 12 bits: Texas Instruments TMP75, SBOS288.
package lm75
