// Package quant computes with int8 numbers: it rounds real values to eight bits, runs
// them through one dense layer or a chain of layers, and returns float32 results, with
// the same bytes on every CPU. It does not know what the numbers mean: no files, no
// time, no sensors, no training.
//
// # The equation and what follows from it
//
// A quantised number q stands for a real number by one scale:
//
//	(1)  real = scale * q                           zero is exactly q = 0
//
// Inputs and weights use q in [-127, 127]; -128 never occurs. A real value x becomes
//
//	(2)  q = clamp(roundHalfEven(float32(x / scale)), -127, 127)
//
// with a true float32 division, as in ONNX QuantizeLinear. A product with 1/scale
// would differ in the last bit. NaN becomes 0, the infinities clamp.
//
// With (1) on both sides, a dense layer y = W x + b with one weight scale per output o
// becomes
//
//	(3)  acc[o] = bias[o] + sum over k of w[o][k] * x[k]        in int32
//	     bias[o] = b[o] / (scaleX * scaleW[o]), rounded half to even
//
// A hidden layer ends with ReLU and requantisation by one float32 multiplier per output:
//
//	(4)  m[o] = scaleX * scaleW[o] / scaleY
//	(5)  q[o] = clamp(roundHalfEven(float32(acc[o]) * m[o]), 0, 127)
//
// Both the conversion of acc to float32 and the product round to nearest even.
// The last layer has no ReLU, no clamp and no rounding to eight bits:
//
//	(6)  m[o] = scaleX * scaleW[o];   y[o] = float32(acc[o]) * m[o]
//
// (2), (5), (6) and (9) are normative. Each float32 operation in them is rounded
// separately; a fused multiply-add gives another result and is therefore a defect.
//
// # Bounds
//
//	(7)  |bias[o]| + 127 * sum over k of |w[o][k]|  <=  2^31 - 1
//
// makes int32 sufficient for (3) in any order of summation. NewDense computes (7) for
// each row and refuses a layer that violates it. With at most MaxWidth = 131072 inputs
// the sum is at most 131072*127*127 = 2114060288, which leaves |bias| <= 33423359 for
// the worst row.
//
//	(8)  2^-126 <= m[o] <= 2^96,  the same for every scale
//
// makes float32(acc)*m either zero or a normal finite number, so that CPUs that flush
// subnormal numbers to zero compute the same bytes.
//
// # Sums of rows
//
// Means and products with a matrix, which a score needs beside its networks, are
// float32: for rows of numbers and one weight per row
//
//	(9)  y[i] = sum over j, rising from 0, of rows[j][i] * weight[j]
//
// Every column is summed in the order of the rows; each product and each sum is rounded
// separately. Columns do not depend on each other, so a kernel of any width computes the
// same bytes as the loop.
//
// # Why
//
// Symmetric numbers need no zero points, so (3) is a plain dot product. With hidden
// activations in [0, 127] and no weight of -128, the same bytes suit SDOT, VPDPBUSD and
// VPMADDUBSW: two products stay below 2*127*127 < 32767. One float32 multiplier per
// output is what ONNX Runtime and XNNPACK compute. Fixed-point multipliers, with single
// or double rounding, differ between libraries; a rounded float32 product does not.
//
// # Kernels
//
// The portable loops, dense_generic.go with dot_wide.go (amd64) or dot_narrow.go (all
// other CPUs), define the result. They are the fallback, and the only code with the build
// tag purego. The inner loop computes four output rows for each activation it loads; see
// the comment there. Kernels in assembly give the same bytes: avx2_amd64.s, four_amd64.s,
// vnni_amd64.s, and smull_arm64.s, sdot_arm64.s, sdot4_arm64.s, neon_arm.s, which
// internal/asmgen generates. At start the program takes the fastest that the CPU can run;
// Use selects another. One call computes a whole network, from memory whose padding
// meets zero weights.
//
// Where it is faster, Forward4 reads each weight once for four windows, which have sums
// of their own. vnni can read 50 weights in the time in which it could multiply 120, so a
// window takes half its time. SDOT multiplies 30 weights a cycle (scripts/mca.sh; an
// estimate), more than a second-level cache may deliver. AVX2 takes three instructions
// for 32 products and has three ports for them, so that only the ends of small layers
// overlap (0.64, 0.87 and 0.93 of a single window's time for S, M and L). SMULL and NEON
// take a multiplication and an addition for sixteen and eight products; they and the
// portable loops are limited by multiplying and make four passes.
//
// Equation (2) has kernels on amd64 (quantise_amd64.s and quantise512_amd64.s, the latter
// without divisions) and arm64; kernel_arm.go says why not on 32-bit Arm. If the number
// of values is not a multiple of the vector's lanes, the last vector ends at the last
// value and computes some values twice, which elementwise work allows. Equation (9) has
// kernels on amd64 (sumrows_amd64.s), which takes a fifth to a tenth of the loop's time,
// and arm64 (sumrows_arm64.s), for which scripts/mca.sh expects three times the loop's
// rate. On 32-bit Arm NEON flushes subnormal numbers to zero, which (9) does not, so the
// loop remains.
package quant
