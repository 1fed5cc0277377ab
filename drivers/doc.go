// Package drivers says what a sensor is: something that delivers a fixed list
// of channels, each a physical quantity in one unit, on demand.
//
// It does not know how often a sensor is read, what the values are for, or on
// which board it sits. One sub-package a device turns bytes on a wire into
// float64 values; drivers/sim holds the simulated counterparts and
// drivers/driverstest the conformance suite every driver passes.
//
// A driver whose device has a measuring range may tell it, channel by channel,
// by a method Bounds(channel int) (lo, hi float64); equal ends mean that it does
// not know. It delivers what it reads all the same: whoever judges the values
// calls those beyond bad.
//
// A driver that does not measure on demand, as one that overhears a line, tells
// how old a channel's value was when the newest Read ended by a method
// Age(channel int) time.Duration. Rows carry the time that this gives, and checks
// and age limits go by it.
//
// # Why NaN
//
// A cell that was not freshly read is NaN and nothing else: never the previous
// value, never zero. An anomaly detector that is fed an invented value either
// raises an alarm about nothing or, worse, learns it.
package drivers
