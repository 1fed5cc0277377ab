// Package driverstest is the conformance suite of drivers.Sensor: what every
// driver has in common, said once and run by each driver's own test.
//
// It does not test what a chip's bytes mean; that is the driver's datasheet and
// its own test. It knows a sensor only through drivers.Sensor and the fixture
// its test supplies.
//
// # What it asks
//
//   - Channels is fixed for life, its names are unique and not empty.
//   - A good read fills every cell, keeps to dst, and allocates no more than
//     the stated floor.
//   - On every failure, at whatever step, every cell that was not freshly read
//     is NaN, the cause can be found with errors.Is, and the sensor heals by
//     itself when the fault has gone.
//   - A finished context gives its error, NaN cells and no traffic.
//   - A dst of the wrong length gives an error and NaN cells, not a panic.
//   - Close leaves the bus open; Read after Close is an error or still works,
//     but invents nothing.
//
// Stalls lets a test hold a duration against the machine's clock on a machine
// that has other work.
package driverstest
