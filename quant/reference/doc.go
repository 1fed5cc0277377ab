// Package reference holds the networks that tests and benchmarks measure, and the simplest
// ways to compute them: a triple loop over int8 numbers, whose correctness is evident from
// reading it, and a float32 loop of the same shape. It is not for production; faster code
// is compared with it.
//
// # Why
//
// Whether a kernel is fast, and whether it is right, can only be told by comparison. Both
// standards of comparison stand here once, for the tests of quant and for programs that
// print figures.
package reference
