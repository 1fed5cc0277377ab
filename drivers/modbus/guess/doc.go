// Package guess tells which of the many ways to read unknown registers are
// plausible, for the person who has a vendor's PDF and a device before them.
//
// It reads no device and decides nothing: types, orders and borders of values
// are not on the wire, so a guess from one snapshot can be wrong, and a register
// that is 0 says nothing at all.
//
// # Plausible readings
//
//	u16, i16      1 to 10,000 in size; i16 where it is negative
//	u32, i32      the first word used, up to 10^8; i32 where it is negative, to -10^6
//	u64, i64      the first word unused but not the second, up to 10^15; i64 to -10^6
//	f32, f64      0.001 to 1,000,000 in size
//	u8h, u8l, f16, bit   shown, never marked: nearly every pattern passes
//
// # The map
//
// Of all ways to divide the registers into numbers, text and nothing, the map is
// the one that takes the fewest bits to tell: a whole number costs the logarithm
// of its size, a floating-point number its exponent's distance from everyday
// values and its decimal digits (50.02 is cheaper than 50.018734), text about 5
// bits a letter, each a surcharge for its kind. It is the minimum description
// length principle (Rissanen, Modeling by shortest data description, Automatica
// 14, 1978), with surcharges set by hand on the maps of meters and drives.
//
// A device keeps one byte order, so the map is made for each of the four and the
// cheapest is taken; the two that swap bytes, which are rare, pay for it.
package guess
