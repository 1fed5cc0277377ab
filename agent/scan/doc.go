// Package scan reads a range of a Modbus device's registers of which nobody has
// the map, and shows how they may be meant: in every type and byte order, as
// JSON, and as a configuration to paste.
//
// It does not parse the command line, open a line, or write to the device. What a
// register may be is drivers/modbus/guess's to say.
//
// # Gentle
//
// At most 50 requests a second, at most 1000 registers or 2000 bits. A block that
// is refused is asked for in halves, the last few registers one by one; a range
// that is silent is not asked for over and over, nor a table that there is not.
//
// # Why it did not work
//
// Hint says what to try after an error of a Modbus line, for whoever reads a
// device for the first time: scan and read.
package scan
