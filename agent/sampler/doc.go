// Package sampler turns sensors into rows.
//
// One goroutine per physical bus reads the sensors on it, one after the other,
// at absolute ticks, those that failed last time after the others; on a bus of
// several connections it has as many read at once. One Sampler per machine completes a row at each of its
// ticks: as soon as every sensor it needs has answered, or, at the end of the
// period, with NaN where one has not. A watcher turns lasting failures into
// Faults: one for a sensor, one for a whole bus, never one per channel.
//
// It does not know models, alarms, MQTT or the configuration file.
//
// # Concepts
//
// All ticks share one epoch, so sensors with different periods align. A sensor
// is read at once when the group starts and then at the ticks of its own period.
// A bus that hangs inside a read costs only the rows' cells of that bus: nobody
// waits for it, and the watcher reports it from outside.
//
// # Which value stands for a row
//
// A sensor that is read for each row has no past: its value must have been read
// within its own period before the row's tick, else the cell is empty. A sensor
// that is slower than the machine, or has a MaxAge, fills rows forward: its
// newest value stands until MaxAge after its measurement, by default one and a
// half of its periods, whatever failed in between. Not beyond: a value that
// looks alive but is not is the worst that can be fed to a detector. Where the
// device itself says that it has no value (NaN without an error, a sentinel),
// the older one falls at once.
//
// # Quality
//
// Each value carries the time of its measurement, the end of the read that
// brought it, and a flag after QARTOD: U.S. Integrated Ocean Observing System,
// Manual for Real-Time Quality Control of In-situ Temperature and Salinity Data,
// version 2.0, January 2016, table of flags and tests 1, 4, 6, 7 and 8.
//
//	1 good     passed every test that is configured
//	3 suspect  outside the operator's range (test 4), too far from the last value
//	           believed (6), changed too fast (7), or flat (8)
//	4 bad      infinite, or outside what the sensor can measure (4)
//	7 stale    there was a value, but it is older than it may be (1)
//	9 missing  there is none: not read yet, the read failed, the device said so
//
// QARTOD has no flag of its own for stale, its gap test flags the data missing;
// here the two differ, because a sensor that never answered and one that stopped
// are mended differently. 7 is unused in QARTOD's scale. QARTOD's 2, not
// evaluated, does not occur: a channel without checks is good if it is a number.
//
// Only a good value is a number in Frame.Values. The tests run once for each
// reading, not for each row, on the bus's goroutine, and remember one point and
// a run:
//
//   - Spike. QARTOD compares a value with the mean of both neighbours, so with
//     one that is yet to come. Here the next value cannot be waited for: a
//     reading farther than MaxSpike from the last one believed is suspect. When
//     three in a row agree with each other, the third is believed: so a wild
//     value is doubted, its successors are not, and a genuine step costs two
//     rows. A ramp that climbs faster than MaxSpike a reading stays suspect
//     until it ends.
//   - Rate of change. As QARTOD's test 7 with a limit in units per second instead
//     of standard deviations, from the last value believed: after a gap the value
//     may have moved as far as the gap is long. The same rule of three ends it.
//   - Flat line. All values within FlatBand of each other for FlatAfter, time
//     instead of a count. Off by default: 0 W all night is no fault. Flat is not
//     stale: staleness is judged by when a read last brought a value, never by
//     the value.
//
// Values outside the range say nothing about spikes and steps. A driver may know
// what its sensor can measure at all (Bounds); what lies beyond is bad.
//
// # Too late
//
// A reading that ends after its period is right and serves no row: the row it
// was made for is gone. Now and then that is a busy gateway; where it is the rule
// for half a minute, the devices of the bus are too slow for the period, which is
// one Fault of its slow sensors and names the period that would do. What a driver
// leaves for its next Read (drivers.ErrLater) is no failure.
//
// # Why
//
// One goroutine a bus, because buses are shared media: two transactions at once
// are impossible on RS-485 and unsafe on I2C multi-step chips. Two bounded
// channels only, both with a drop-oldest policy and a counter: a detector that
// falls behind must see the newest row, and memory must not grow.
package sampler
