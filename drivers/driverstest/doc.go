// Package driverstest is the conformance suite of drivers.Sensor: the contract of
// all drivers, as tests that each driver's own test runs.
//
// It does not test what a chip's bytes mean: the driver's own test does that, from
// the datasheet. It knows a sensor only through drivers.Sensor and the fixture that
// the driver's test supplies.
//
// # What it checks
//
//   - Channels never changes; names are unique and not empty.
//   - A good Read fills every cell and allocates no more than Options.Allocs.
//   - After a failure at any step of a Read, every cell that was not freshly read is
//     NaN, errors.Is finds the cause, and the sensor recovers by itself once the
//     fault is gone.
//   - A Read with a finished context returns the context's error and NaN cells, and
//     makes no transfer.
//   - A dst of the wrong length results in an error and NaN cells, not a panic.
//   - Close leaves the bus open. Read after Close returns an error or works, but
//     never an invented value.
//
// Besides the suite, Stalls lets a test measure a duration on a busy machine: it
// notes the times in which the test process did not get the CPU.
package driverstest
