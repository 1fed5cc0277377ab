// Package guess estimates the types and byte order of unknown registers, for the
// person who commissions a device with only a vendor's PDF at hand.
//
// It reads no device and decides nothing. Types, orders and the boundaries between
// values are not on the wire, so a guess from one snapshot can be wrong, and a
// register that is 0 reveals nothing at all.
//
// # Plausible readings
//
//	u16, i16      1 to 10,000 in size; i16 where it is negative
//	u32, i32      first word not 0, up to 10^8; i32 where it is negative, to -10^6
//	u64, i64      first word 0 but not the second, up to 10^15; i64 to -10^6
//	f32, f64      0.001 to 1,000,000 in size
//	u8h, u8l, f16, bit   shown, never marked: nearly every pattern passes
//
// # The map
//
// A map divides the registers into numbers, text and zeros. Of all divisions, Map
// returns the one that takes the fewest bits to describe: a whole number costs the
// logarithm of its size; a floating-point number costs more the further its
// exponent is from everyday values and the more decimal digits it has (50.02 is
// cheaper than 50.018734); text costs about 5 bits a letter. Each kind adds a
// surcharge. This is the minimum description length principle (Rissanen, Modeling
// by shortest data description, Automatica 14, 1978), with surcharges set by hand
// on the maps of meters and drives.
//
// A device uses one byte order throughout. So Map tries all four and takes the
// cheapest result; the two orders that swap bytes are rare and cost extra.
package guess
