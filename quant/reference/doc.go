// Package reference holds the networks that tests and benchmarks measure, and
// the plainest way to compute them: a triple loop over int8 numbers whose
// correctness is seen by reading, and a float32 loop of the same shape. It does
// not serve production; faster code is compared with it.
//
// # Why
//
// A kernel is fast only in relation to something, and right only in relation
// to something. Both stand here once, for the tests of quant and for whoever
// prints figures.
package reference
