// Package derive compiles the expressions of derived channels: arithmetic on other
// channels of the same row, such as "pump.flow * pump.pressure / drive.power".
//
// It does not know where a row comes from, which channels exist, or what quality
// its values have. Package config asks it, through package devices, whether an
// expression is right; package sampler computes with it.
//
// # The language
//
//	numbers      12, 0.5, 1e-3
//	channels     pump.flow, with the sensor's name before the dot
//	operators    + - * / and parentheses, with the usual precedence
//	functions    min(a, b, …)  max(a, b, …)  abs(a)
//	             mean(a, N): the mean of a over the last N rows, 2 to 3600
//
// A name that has a hyphen or begins with a digit stands in backticks:
// `pump-1.flow`. Otherwise pump-1.flow could be a difference. An expression has at most 64 nodes:
// each number, channel, operator and function is one. There is no text, no
// comparison, no loop and no function of the user's own, so an expression always
// ends, and the time that it takes is known from its length.
//
// # Missing values
//
// NaN stands for a missing value. A result is NaN where one of its inputs is NaN,
// and it is NaN where anything on the way is infinite, as after a division by zero.
// mean is NaN where its argument is NaN in the newest row; otherwise it is the mean of
// the values that the last N rows have, so that a single gap does not cost N rows.
//
// # Why
//
// The grammar is small enough to be read by hand: go/parser with a list of what is
// allowed gives the same trees (the tests compare them) but costs 350 KiB of binary.
// The result is a tree of closures, because a row is computed once a period on a
// small processor: no allocation and no interpretation per row.
package derive
