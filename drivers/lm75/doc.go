// Package lm75 reads the LM75 and its many relatives with the same temperature
// register (LM75A, LM75B, DS75, TMP75, TMP105, AT30TS75): temperature in °C.
//
// It does not write to the chip: the one byte that precedes each read is the
// register pointer. Resolution and mode stay as the chip has them, which after
// power-on is continuous conversion, 3 to 10 times a second (LM75B §7.1:
// every 100 ms).
//
// # Limits
//
// The chip has no id and no conversion-ready flag. Whatever answers at the
// address with two bytes is taken for one, and a chip that another master put
// into shutdown keeps its last temperature.
//
// Before its first conversion since power-on the register is 0 °C. So where the
// value before was not near 0 °C, or there was none, an exact 0 is read once more,
// 150 ms later. There is no other state here: every Read is complete in itself, so
// an absent chip heals as soon as it answers.
//
// # Datasheet
//
// NXP LM75B product data sheet, revision 6.1, February 2015 (11 bits); § numbers
// are its. 9 bits: National Semiconductor LM75, DS012658. 12 bits: Texas
// Instruments TMP75, SBOS288.
package lm75
