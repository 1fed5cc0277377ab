// Package drivers says what a sensor is: something that delivers a fixed list
// of channels, each a physical quantity in one unit, on demand.
//
// It does not know how often a sensor is read, what the values are for, or on
// which board it sits. One sub-package a device turns bytes on a wire into
// float64 values; drivers/sim holds the simulated counterparts and
// drivers/driverstest the conformance suite every driver passes.
//
// # Why NaN
//
// A cell that was not freshly read is NaN and nothing else: never the previous
// value, never zero. An anomaly detector that is fed an invented value either
// raises an alarm about nothing or, worse, learns it.
package drivers
