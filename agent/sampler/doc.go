// Package sampler reads sensors and turns their values into rows.
//
// One goroutine per physical bus reads the sensors on it at absolute ticks, one
// after the other; sensors whose last read failed come last. On a bus of several
// connections it reads that many sensors at once. One Sampler per machine
// completes a row at each of the machine's ticks: as soon as every sensor that it
// needs has answered, or at the end of the period, with NaN for those that have
// not. A fault monitor turns lasting failures into Faults: one for a sensor or one
// for a whole bus, never one per channel.
//
// When the measured channels of a row are there, derived channels are computed
// from them.
//
// It does not know models, alarms, MQTT or the configuration file.
//
// # Concepts
//
// All ticks share one epoch, so the ticks of sensors with different periods
// coincide. A sensor is read once when the group starts, and then at the ticks of
// its own period. When a bus hangs inside a read, rows only miss the values of
// that bus: nobody waits for it, and the fault monitor reports it from outside.
//
// # Which value goes into a row
//
// For a sensor that is read for each row, the value must have been read within the
// sensor's own period before the row's tick, else the cell is empty. A sensor that
// is slower than the machine, or has a MaxAge, fills rows forward: its newest value
// is used until MaxAge after its measurement (by default one and a half of its
// periods), whatever failed since. It is never used longer, because an old value
// that looks new is the worst input for a detector. When the device itself says
// that it has no value (NaN without an error, a sentinel), the older value is
// dropped at once.
//
// # Quality
//
// Each value carries the time of its measurement, which is the end of the read
// that brought it, and a flag after QARTOD: U.S. Integrated Ocean Observing System,
// Manual for Real-Time Quality Control of In-situ Temperature and Salinity Data,
// version 2.0, January 2016, table of flags and tests 1, 4, 6, 7 and 8.
//
//	1 good     passed every test that is configured
//	3 suspect  outside the operator's range (test 4), too far from the last value
//	           believed (6), changed too fast (7), or flat (8)
//	4 bad      infinite, or outside what the sensor can measure (4)
//	7 stale    there was a value, but it is too old (1)
//	9 missing  there is none: not read yet, the read failed, or the device said so
//
// QARTOD has no flag for stale: its gap test flags such data as missing. Here the
// two differ, because a sensor that never answered and one that stopped need
// different repairs. The number 7 is unused in QARTOD's scale. QARTOD's 2, not
// evaluated, does not occur: a channel without checks is good if it is a number.
//
// Only a good value appears as a number in Frame.Values. The tests run once per
// reading, not per row, on the goroutine of the bus, and remember one point and one
// run of readings:
//
//   - Spike. QARTOD compares a value with the mean of both its neighbours, one of
//     which is yet to come. Here the next value cannot be waited for: a reading
//     farther than MaxSpike from the last one believed is suspect. When three such
//     readings in a row agree with each other, the third is believed. So a single
//     wild value is suspect while its successors are good, and a genuine step costs
//     two rows. A ramp that climbs by more than MaxSpike per reading stays suspect
//     until it ends.
//   - Rate of change. QARTOD's test 7, with a limit in units per second instead of
//     standard deviations, measured from the last value believed: after a gap the
//     value may have moved in proportion to the length of the gap. The rule of
//     three ends the doubt here too.
//   - Flat line. All values stay within FlatBand of each other for FlatAfter (a
//     time, not a count). It is off by default, since 0 W all night is no fault.
//     Flat is not stale: staleness depends on when a read last brought a value,
//     never on the value.
//
// Values outside the range count neither for nor against a spike or a step. A
// driver may know what its sensor can measure (Bounds); values outside that are
// bad.
//
// # Derived channels
//
// The expressions of package derive are computed once a row, in the order in which
// they are defined. A derived value is as good as its worst input, as old as its
// oldest, and Missing where it is not finite. Its own checks judge only what comes
// from good inputs; they are asked once a row. Derived channels have no faults of
// their own: those of the sensors that they are computed from say more.
//
// # Values that come too late
//
// A read that ends after its period brings correct values, but the row that it was
// made for is already complete. Now and then that is a busy gateway. When it is the
// rule for half a minute, the devices of the bus are too slow for the period: that
// is one Fault of its slow sensors, and it says which period would do. What a
// driver leaves for its next Read (drivers.ErrLater) is no failure.
//
// # Changes while it runs
//
// A group that runs becomes another one step by step (change.go): what both have goes
// on, and nobody waits for what is new. A bus is changed sensor by sensor, a machine
// as a whole. A sensor that only gets another period keeps its history; its next read
// is the first tick of the new period that is not earlier than the one that is due, so
// that no machine misses a value.
//
// # Why
//
// The unit of change is the sensor, the bus and the machine, and not a group of those
// that are connected: on one RS-485 line there are many machines, and a register more
// for one of them must not cost the others a row.
//
// There is one goroutine per bus because a bus is a shared medium: two transactions
// at once are impossible on RS-485 and unsafe on I2C chips that need several steps.
// There are only two kinds of channels between goroutines. Rows wait in a bounded
// channel that drops the oldest and counts it: a detector that falls behind must
// see the newest row, and memory must not grow. Faults are few, so their channel
// blocks and loses none.
package sampler
