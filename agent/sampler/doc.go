// Package sampler turns sensors into rows.
//
// One goroutine per physical bus reads the sensors on it, one after the other,
// at absolute ticks. One Sampler per machine completes a row at each of its
// ticks: as soon as every sensor it needs has answered, or, at the end of the
// period, with NaN where one has not. A watcher turns lasting failures into
// Faults: one for a sensor, one for a whole bus, never one per channel.
//
// It does not know models, alarms, MQTT or the configuration file.
//
// # Concepts
//
// All ticks share one epoch, so sensors with different periods align. A value
// belongs to a row only when it was read within its own period before the
// row's tick; it is never carried over. A bus that hangs inside a read costs
// only the rows' cells of that bus: nobody waits for it, and the watcher
// reports it from outside.
//
// # Why
//
// One goroutine a bus, because buses are shared media: two transactions at once
// are impossible on RS-485 and unsafe on I2C multi-step chips. Two bounded
// channels only, both with a drop-oldest policy and a counter: a detector that
// falls behind must see the newest row, and memory must not grow.
package sampler
