// Package quant computes with int8 numbers: it rounds real values to eight
// bits, multiplies them through one dense layer or a chain of layers, and
// brings the result back to float32, with the same bytes on every CPU.
// It does not know what the numbers mean: no files, no time, no sensors, no
// training.
//
// # The equation and what follows from it
//
// A quantised number q stands for a real number by one scale:
//
//	(1)  real = scale * q                           zero is exactly q = 0
//
// Inputs and weights use q in [-127, 127]; -128 never occurs. The way from
// real to q is
//
//	(2)  q = clamp(roundHalfEven(float32(x / scale)), -127, 127)
//
// with a true float32 division, as ONNX QuantizeLinear has it, and not with a
// product by 1/scale, which differs from it in the last bit. NaN becomes 0,
// the infinities clamp.
//
// A dense layer y = W x + b with one weight scale per output channel o becomes,
// by (1) on both sides,
//
//	(3)  acc[o] = bias[o] + sum over k of w[o][k] * x[k]        in int32
//	     bias[o] = b[o] / (scaleX * scaleW[o]), rounded half to even
//
// A hidden layer ends in ReLU and requantisation by one float32 multiplier per
// output channel:
//
//	(4)  m[o] = scaleX * scaleW[o] / scaleY
//	(5)  q[o] = clamp(roundHalfEven(float32(acc[o]) * m[o]), 0, 127)
//
// Both the conversion of acc to float32 and the product round to nearest even.
// The last layer has no ReLU, no clip and no second rounding to eight bits:
//
//	(6)  m[o] = scaleX * scaleW[o];   y[o] = float32(acc[o]) * m[o]
//
// (2), (5), (6) and (9) are normative. Each float32 operation in them is rounded on
// its own; a fused multiply-add is a different result and therefore a defect.
//
// # Bounds
//
//	(7)  |bias[o]| + 127 * sum over k of |w[o][k]|  <=  2^31 - 1
//
// makes int32 sufficient in (3) in any order of summation. NewDense computes
// (7) for each row and refuses the layer where it fails. With at most MaxWidth
// = 131072 inputs the sum is at most 131072*127*127 = 2114060288, which leaves
// |bias| <= 33423359 for the worst row.
//
//	(8)  2^-126 <= m[o] <= 2^96,  the same for every scale
//
// makes float32(acc)*m either zero or a normal finite number, so a CPU that
// flushes subnormal numbers to zero computes the same bytes.
//
// # Sums of rows
//
// What stands beside a network, means and products with a matrix, is float32.
// For rows of numbers and a weight for each row
//
//	(9)  y[i] = sum over j, rising from 0, of rows[j][i] * weight[j]
//
// Every column is summed in the order of the rows, each product and each sum
// rounded on its own. Columns do not touch each other, so a kernel of any width
// computes the same bytes as the loop.
//
// # Why
//
// Symmetric numbers need no zero points, so (3) is a bare dot product. Hidden
// activations in [0, 127] and weights without -128 let the same bytes serve
// SDOT, VPDPBUSD and VPMADDUBSW: two products stay below 2*127*127 < 32767.
// One multiplier per output channel in float32 is what ONNX Runtime and
// XNNPACK compute; fixed-point multipliers with single or double rounding
// disagree among libraries, a rounded float32 product does not.
//
// # Kernels
//
// dense_generic.go with dot_wide.go (amd64) or dot_narrow.go (all else) is the
// truth, the fallback, and all there is with build tag purego. Its inner loop
// takes four output rows for each activation it loads; see the comment there.
// Kernels in assembly give the same bytes: avx2_amd64.s, four_amd64.s,
// vnni_amd64.s, and smull_arm64.s, sdot_arm64.s, sdot4_arm64.s, neon_arm.s, which
// internal/asmgen writes. The fastest that the CPU can run is taken when the
// program starts; Use forces another. A network is computed in one call, from
// arenas whose padding meets zero weights.
//
// Forward4 reads each weight once for four windows, in sums of their own, where
// that helps. vnni reads 50 weights in the time in which it could multiply 120: a
// window takes half its time. SDOT multiplies 30 weights a cycle (scripts/mca.sh;
// an estimate), which a second-level cache need not deliver. AVX2 takes three
// instructions for 32 products and has three ports for them; only the ends of
// small layers overlap (0.64, 0.87 and 0.93 of a single window's time with S, M
// and L). SMULL and NEON, a multiplication and an addition for sixteen and eight
// products, and the portable loops are bound by multiplying and make four passes.
//
// Equation (2) has kernels on amd64 (quantise_amd64.s, and without divisions
// quantise512_amd64.s) and arm64; why not on 32-bit Arm is said in
// kernel_arm.go. What the lanes leave over is computed by the last lanes once
// more, ending at the last value: elementwise work may be done twice. (9) has
// kernels on amd64 (sumrows_amd64.s), which takes a fifth to a tenth of the
// loop's time, and arm64 (sumrows_arm64.s), for which scripts/mca.sh expects
// three times the loop's rate. On 32-bit Arm NEON flushes subnormal numbers,
// which (9) does not: the loop stays.
package quant
