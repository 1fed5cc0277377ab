// Package sampler turns sensors into rows: one goroutine per physical bus
// reads, one sampler per machine completes a row at each tick.
package sampler
