//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// Sums of products for sixteen rows per register. VPDPBUSD multiplies unsigned
// activations by signed weights and adds four products to each 32-bit lane, without
// saturation. Signed activations x are given as x+128, which is the byte with its top bit
// flipped, in place; the bias that comes with them contains -128 times the row's weights.
//
// VPDPBUSD has a latency of five cycles and the CPU starts up to two per cycle, so a block
// of few rows keeps its sums in more registers than it has rows for and adds those up at
// its end. Large layers are limited by reading: a line of weights occupies a load port when
// it is requested and again when it arrives, so every other load costs. Therefore blocks of
// 256 rows, in which 32 lines share two loads of activations, come before blocks of 64, in
// which eight do. Neither loop has a number of loads that is a multiple of three, the number
// of ports: with 9 or 12 loads for 8 lines a loop was measured to read 7 and 20 % slower
// than with 10. (The loop of 32 rows has 12; it only ends layers.)
//
//	DI job   SI jobs left   R8 weights   R9 bias   R10 mult   R11 src
//	R12 dst  R13 src's end  BX rows left AX flags  CX src now DX end of src's whole iterations
//	Z0-Z15 sums  Z16-Z19, Z24-Z27 activations  Z20-Z23 weights, multipliers
//	Z28 lane order of a 64-row store  Z29 127.0  Z30 zero  Z31 127

DATA most<>+0(SB)/4, $127
DATA most<>+4(SB)/4, $0x42fe0000 // 127.0
GLOBL most<>(SB), RODATA|NOPTR, $8
DATA tops<>+0(SB)/4, $0x80808080
GLOBL tops<>(SB), RODATA|NOPTR, $4
DATA lanes<>+0(SB)/8, $0x0000000400000000
DATA lanes<>+8(SB)/8, $0x0000000c00000008
DATA lanes<>+16(SB)/8, $0x0000000500000001
DATA lanes<>+24(SB)/8, $0x0000000d00000009
DATA lanes<>+32(SB)/8, $0x0000000600000002
DATA lanes<>+40(SB)/8, $0x0000000e0000000a
DATA lanes<>+48(SB)/8, $0x0000000700000003
DATA lanes<>+56(SB)/8, $0x0000000f0000000b
GLOBL lanes<>(SB), RODATA|NOPTR, $64

// ROWS256 computes 256 rows for the four inputs in x.
#define ROWS256(off, x) \
	VPDPBUSD off+0(R8), x, Z0    \
	VPDPBUSD off+64(R8), x, Z1   \
	VPDPBUSD off+128(R8), x, Z2  \
	VPDPBUSD off+192(R8), x, Z3  \
	VPDPBUSD off+256(R8), x, Z4  \
	VPDPBUSD off+320(R8), x, Z5  \
	VPDPBUSD off+384(R8), x, Z6  \
	VPDPBUSD off+448(R8), x, Z7  \
	VPDPBUSD off+512(R8), x, Z8  \
	VPDPBUSD off+576(R8), x, Z9  \
	VPDPBUSD off+640(R8), x, Z10 \
	VPDPBUSD off+704(R8), x, Z11 \
	VPDPBUSD off+768(R8), x, Z12 \
	VPDPBUSD off+832(R8), x, Z13 \
	VPDPBUSD off+896(R8), x, Z14 \
	VPDPBUSD off+960(R8), x, Z15

// EIGHT64 computes 64 rows for the eight inputs in Z16 and Z17.
#define EIGHT64 \
	VPDPBUSD 0(R8), Z16, Z0   \
	VPDPBUSD 64(R8), Z16, Z1  \
	VPDPBUSD 128(R8), Z16, Z2 \
	VPDPBUSD 192(R8), Z16, Z3 \
	VPDPBUSD 256(R8), Z17, Z4 \
	VPDPBUSD 320(R8), Z17, Z5 \
	VPDPBUSD 384(R8), Z17, Z6 \
	VPDPBUSD 448(R8), Z17, Z7 \
	ADDQ     $512, R8         \
	ADDQ     $8, CX

// EIGHT32 computes 32 rows for eight inputs, SIXTEEN32 for sixteen.
#define EIGHT32 \
	VPDPBUSD 0(R8), Z16, Z0   \
	VPDPBUSD 64(R8), Z16, Z1  \
	VPDPBUSD 128(R8), Z17, Z2 \
	VPDPBUSD 192(R8), Z17, Z3

#define SIXTEEN32 \
	EIGHT32                   \
	VPDPBUSD 256(R8), Z18, Z4 \
	VPDPBUSD 320(R8), Z18, Z5 \
	VPDPBUSD 384(R8), Z19, Z6 \
	VPDPBUSD 448(R8), Z19, Z7 \
	ADDQ     $512, R8         \
	ADDQ     $16, CX

// EIGHT16 and SIXTEEN16 do so for 16 rows.
#define EIGHT16 \
	VPDPBUSD 0(R8), Z16, Z0  \
	VPDPBUSD 64(R8), Z17, Z1

#define SIXTEEN16 \
	EIGHT16                   \
	VPDPBUSD 128(R8), Z18, Z2 \
	VPDPBUSD 192(R8), Z19, Z3 \
	ADDQ     $256, R8         \
	ADDQ     $16, CX

#define EIGHT \
	VPBROADCASTD 0(CX), Z16 \
	VPBROADCASTD 4(CX), Z17

#define SIXTEEN \
	EIGHT                    \
	VPBROADCASTD 8(CX), Z18  \
	VPBROADCASTD 12(CX), Z19

// SCALE is max(acc, 0) * mult, rounded half to even, at most 127: (5). A
// product beyond 32 bits converts to the largest unsigned integer.
#define SCALE(mult, acc) \
	VPMAXSD    Z30, acc, acc  \
	VCVTDQ2PS  acc, acc       \
	VMULPS     mult, acc, acc \
	VCVTPS2UDQ acc, acc       \
	VPMINUD    Z31, acc, acc

// SCALED is SCALE for PACK64, which saturates at 0: one instruction less, two cycles
// later. The smallest products convert to -2^31.
#define SCALED(mult, acc) \
	VCVTDQ2PS acc, acc       \
	VMULPS    mult, acc, acc \
	VMINPS    Z29, acc, acc  \
	VCVTPS2DQ acc, acc

// STORE is acc * mult as float32: (6).
#define STORE(mult, acc, dst) \
	VCVTDQ2PS acc, acc       \
	VMULPS    mult, acc, acc \
	VMOVUPS   acc, dst

// CLEAR4 sets four sums to zero.
#define CLEAR4(a, b, c, d) \
	VPXORD a, a, a \
	VPXORD b, b, b \
	VPXORD c, c, c \
	VPXORD d, d, d

// PACK64 writes 64 scaled sums as bytes.
#define PACK64(a, b, c, d, dst) \
	VPACKSSDW b, a, a   \
	VPACKSSDW d, c, c   \
	VPACKUSWB c, a, a   \
	VPERMD    a, Z28, a \
	VMOVDQU64 a, dst

// END64 finishes 64 rows by (5), FLOATS64 by (6); at is their index in the block.
#define END64(at, a, b, c, d) \
	SCALED(4*at+0(R10), a)        \
	SCALED(4*at+64(R10), b)       \
	SCALED(4*at+128(R10), c)      \
	SCALED(4*at+192(R10), d)      \
	PACK64(a, b, c, d, at(R12))

#define FLOATEND64(at, a, b, c, d) \
	STORE(at+0(R10), a, at+0(R12))     \
	STORE(at+64(R10), b, at+64(R12))   \
	STORE(at+128(R10), c, at+128(R12)) \
	STORE(at+192(R10), d, at+192(R12))

// CONSTANTS and LAYER begin both functions.
#define CONSTANTS \
	VPBROADCASTD most<>+0(SB), Z31 \
	VPBROADCASTD most<>+4(SB), Z29 \
	VMOVDQU64    lanes<>(SB), Z28 \
	VPXORD       Z30, Z30, Z30

#define LAYER \
	MOVQ job_weights(DI), R8 \
	MOVQ job_bias(DI), R9    \
	MOVQ job_mult(DI), R10   \
	MOVQ job_src(DI), R11    \
	MOVQ job_dst(DI), R12    \
	MOVQ job_inputs(DI), R13 \
	MOVQ job_rows(DI), BX    \
	MOVQ job_flags(DI), AX

// func runVNNI(first *job, n int)
TEXT ·runVNNI(SB), NOSPLIT, $0-16
	MOVQ first+0(FP), DI
	MOVQ n+8(FP), SI
	CONSTANTS

layer:
	LAYER
	ADDQ R11, R13

	// Load in pieces no larger than the stores that wrote them: the CPU forwards
	// those before they reach the cache.
	TESTQ $const_flagSigned, AX
	JZ    turned
	MOVQ  R11, CX
	VPBROADCASTD tops<>(SB), X17

turn:
	VPXORD    (CX), X17, X16
	VMOVDQU64 X16, (CX)
	ADDQ      $16, CX
	CMPQ      CX, R13
	JLT       turn

turned:
	CMPQ BX, $256
	JLT  rows64

block256:
	VMOVDQU64 0(R9), Z0
	VMOVDQU64 64(R9), Z1
	VMOVDQU64 128(R9), Z2
	VMOVDQU64 192(R9), Z3
	VMOVDQU64 256(R9), Z4
	VMOVDQU64 320(R9), Z5
	VMOVDQU64 384(R9), Z6
	VMOVDQU64 448(R9), Z7
	VMOVDQU64 512(R9), Z8
	VMOVDQU64 576(R9), Z9
	VMOVDQU64 640(R9), Z10
	VMOVDQU64 704(R9), Z11
	VMOVDQU64 768(R9), Z12
	VMOVDQU64 832(R9), Z13
	VMOVDQU64 896(R9), Z14
	VMOVDQU64 960(R9), Z15
	MOVQ      R11, CX

	PCALIGN $64

inputs256:
	EIGHT
	ROWS256(0, Z16)
	ROWS256(1024, Z17)
	ADDQ $2048, R8
	ADDQ $8, CX
	CMPQ CX, R13
	JLT  inputs256

	TESTQ $const_flagFloat, AX
	JNZ   float256
	END64(0, Z0, Z1, Z2, Z3)
	END64(64, Z4, Z5, Z6, Z7)
	END64(128, Z8, Z9, Z10, Z11)
	END64(192, Z12, Z13, Z14, Z15)
	ADDQ  $256, R12
	JMP   next256

float256:
	FLOATEND64(0, Z0, Z1, Z2, Z3)
	FLOATEND64(256, Z4, Z5, Z6, Z7)
	FLOATEND64(512, Z8, Z9, Z10, Z11)
	FLOATEND64(768, Z12, Z13, Z14, Z15)
	ADDQ $1024, R12

next256:
	ADDQ $1024, R9
	ADDQ $1024, R10
	SUBQ $256, BX
	CMPQ BX, $256
	JGE  block256

rows64:
	CMPQ BX, $64
	JLT  rows32

block64:
	VMOVDQU64 0(R9), Z0
	VMOVDQU64 64(R9), Z1
	VMOVDQU64 128(R9), Z2
	VMOVDQU64 192(R9), Z3
	CLEAR4(Z4, Z5, Z6, Z7)
	MOVQ      R11, CX

	PCALIGN $64

inputs64:
	EIGHT
	EIGHT64
	CMPQ CX, R13
	JLT  inputs64

	VPADDD Z4, Z0, Z0
	VPADDD Z5, Z1, Z1
	VPADDD Z6, Z2, Z2
	VPADDD Z7, Z3, Z3
	TESTQ  $const_flagFloat, AX
	JNZ    float64
	END64(0, Z0, Z1, Z2, Z3)
	ADDQ   $64, R12
	JMP    next64

float64:
	FLOATEND64(0, Z0, Z1, Z2, Z3)
	ADDQ $256, R12

next64:
	ADDQ $256, R9
	ADDQ $256, R10
	SUBQ $64, BX
	CMPQ BX, $64
	JGE  block64

rows32:
	MOVQ R13, DX
	SUBQ R11, DX
	ANDQ $~15, DX
	ADDQ R11, DX

block32:
	CMPQ      BX, $32
	JLT       block16
	VMOVDQU64 0(R9), Z0
	VMOVDQU64 64(R9), Z1
	VPXORD    Z2, Z2, Z2
	VPXORD    Z3, Z3, Z3
	CLEAR4(Z4, Z5, Z6, Z7)
	MOVQ      R11, CX

inputs32:
	CMPQ CX, DX
	JGE  rest32
	SIXTEEN
	SIXTEEN32
	JMP  inputs32

rest32:
	CMPQ CX, R13
	JGE  end32
	EIGHT
	EIGHT32
	ADDQ $256, R8

end32:
	VPADDD  Z2, Z0, Z0
	VPADDD  Z3, Z1, Z1
	VPADDD  Z6, Z4, Z4
	VPADDD  Z7, Z5, Z5
	VPADDD  Z4, Z0, Z0
	VPADDD  Z5, Z1, Z1
	TESTQ   $const_flagFloat, AX
	JNZ     float32
	SCALE(0(R10), Z0)
	SCALE(64(R10), Z1)
	VPMOVDB Z0, 0(R12)
	VPMOVDB Z1, 16(R12)
	ADDQ    $32, R12
	JMP     next32

float32:
	STORE(0(R10), Z0, 0(R12))
	STORE(64(R10), Z1, 64(R12))
	ADDQ $128, R12

next32:
	ADDQ $128, R9
	ADDQ $128, R10
	SUBQ $32, BX

block16:
	TESTQ     BX, BX
	JZ        next
	VMOVDQU64 0(R9), Z0
	VPXORD    Z1, Z1, Z1
	VPXORD    Z2, Z2, Z2
	VPXORD    Z3, Z3, Z3
	MOVQ      R11, CX

inputs16:
	CMPQ CX, DX
	JGE  rest16
	SIXTEEN
	SIXTEEN16
	JMP  inputs16

rest16:
	CMPQ CX, R13
	JGE  end16
	EIGHT
	EIGHT16

end16:
	VPADDD  Z1, Z0, Z0
	VPADDD  Z3, Z2, Z2
	VPADDD  Z2, Z0, Z0
	TESTQ   $const_flagFloat, AX
	JNZ     float16
	SCALE(0(R10), Z0)
	VPMOVDB Z0, (R12)
	JMP     next

float16:
	STORE(0(R10), Z0, (R12))

next:
	ADDQ $job__size, DI
	DECQ SI
	JNZ  layer
	VZEROUPPER
	RET

// Four windows at once. Each weight that is loaded is used for all windows, which have sums
// of their own. Window w reads at src + w*srcStep and writes at dst + w*dstStep.
//
//	DX src's step   R14 three of them   R15 dst's step   CX src now, then dst now
//	SI bytes of weights from four inputs to the next four

// ACTS loads the four inputs at off of each window.
#define ACTS(off, a, b, c, d) \
	VPBROADCASTD off(CX), a       \
	VPBROADCASTD off(CX)(DX*1), b \
	VPBROADCASTD off(CX)(DX*2), c \
	VPBROADCASTD off(CX)(R14*1), d

#define WEIGHTS(off) \
	VMOVDQU64 off+0(R8), Z20   \
	VMOVDQU64 off+64(R8), Z21  \
	VMOVDQU64 off+128(R8), Z22 \
	VMOVDQU64 off+192(R8), Z23

// ROWS64 computes 64 rows of one window for the four inputs in x.
#define ROWS64(x, a, b, c, d) \
	VPDPBUSD Z20, x, a \
	VPDPBUSD Z21, x, b \
	VPDPBUSD Z22, x, c \
	VPDPBUSD Z23, x, d

// FOUR64 computes 64 rows of all windows for four inputs and advances to the next four.
#define FOUR64(inputs) \
	WEIGHTS(0)                          \
	ADDQ SI, R8                         \
	ACTS(inputs, Z16, Z17, Z18, Z19)    \
	ROWS64(Z16, Z0, Z1, Z2, Z3)         \
	ROWS64(Z17, Z4, Z5, Z6, Z7)         \
	ROWS64(Z18, Z8, Z9, Z10, Z11)       \
	ROWS64(Z19, Z12, Z13, Z14, Z15)

// ROWS32 computes 32 rows of one window for the eight inputs in x and y, ROWS16 16 rows.
#define ROWS32(x, y, a, b, c, d) \
	VPDPBUSD Z20, x, a \
	VPDPBUSD Z21, x, b \
	VPDPBUSD Z22, y, c \
	VPDPBUSD Z23, y, d

#define ROWS16(x, y, a, b) \
	VPDPBUSD Z20, x, a \
	VPDPBUSD Z21, y, b

// BYTES64, BYTES32 and BYTES16 finish the rows of one window by (5), FLOATS64 and so on by
// (6), and advance to the next window.
#define BYTES64(a, b, c, d) \
	SCALED(Z20, a)              \
	SCALED(Z21, b)              \
	SCALED(Z22, c)              \
	SCALED(Z23, d)              \
	PACK64(a, b, c, d, (CX))   \
	ADDQ R15, CX

#define FLOATS64(a, b, c, d) \
	STORE(Z20, a, 0(CX))   \
	STORE(Z21, b, 64(CX))  \
	STORE(Z22, c, 128(CX)) \
	STORE(Z23, d, 192(CX)) \
	ADDQ R15, CX

#define BYTES16(a) \
	SCALE(Z20, a)   \
	VPMOVDB a, (CX) \
	ADDQ    R15, CX

#define BYTES32(a, b) \
	SCALE(Z20, a)     \
	SCALE(Z21, b)     \
	VPMOVDB a, 0(CX)  \
	VPMOVDB b, 16(CX) \
	ADDQ    R15, CX

#define FLOATS16(a) \
	STORE(Z20, a, (CX)) \
	ADDQ R15, CX

#define FLOATS32(a, b) \
	STORE(Z20, a, 0(CX))  \
	STORE(Z21, b, 64(CX)) \
	ADDQ R15, CX

// func run4VNNI(first *job, n int)
TEXT ·run4VNNI(SB), NOSPLIT, $0-16
	MOVQ first+0(FP), DI
	CONSTANTS

layer:
	LAYER
	MOVQ job_srcStep(DI), DX
	MOVQ job_dstStep(DI), R15
	LEAQ (DX)(DX*2), R14
	ADDQ R11, R13

	TESTQ $const_flagSigned, AX
	JZ    turned
	MOVQ  R11, CX
	LEAQ  (R13)(R14*1), R8
	VPBROADCASTD tops<>(SB), Y17

turn:
	VPXORD    (CX), Y17, Y16
	VMOVDQU64 Y16, (CX)
	ADDQ      $32, CX
	CMPQ      CX, R8
	JLT       turn
	MOVQ      job_weights(DI), R8

turned: // R8 is the beginning of a block
	MOVQ $1024, SI
	CMPQ BX, $256
	JGE  block64
	MOVQ $256, SI
	CMPQ BX, $64
	JLT  block32

block64: // or a quarter of a block of 256 rows
	VMOVDQU64 0(R9), Z0
	VMOVDQU64 64(R9), Z1
	VMOVDQU64 128(R9), Z2
	VMOVDQU64 192(R9), Z3
	VMOVDQA64 Z0, Z4
	VMOVDQA64 Z1, Z5
	VMOVDQA64 Z2, Z6
	VMOVDQA64 Z3, Z7
	VMOVDQA64 Z0, Z8
	VMOVDQA64 Z1, Z9
	VMOVDQA64 Z2, Z10
	VMOVDQA64 Z3, Z11
	VMOVDQA64 Z0, Z12
	VMOVDQA64 Z1, Z13
	VMOVDQA64 Z2, Z14
	VMOVDQA64 Z3, Z15
	MOVQ      R11, CX

	PCALIGN $64

inputs64:
	FOUR64(0)
	FOUR64(4)
	ADDQ $8, CX
	CMPQ CX, R13
	JLT  inputs64

	MOVQ      R12, CX
	VMOVUPS   0(R10), Z20
	VMOVUPS   64(R10), Z21
	VMOVUPS   128(R10), Z22
	VMOVUPS   192(R10), Z23
	TESTQ     $const_flagFloat, AX
	JNZ       float64
	BYTES64(Z0, Z1, Z2, Z3)
	BYTES64(Z4, Z5, Z6, Z7)
	BYTES64(Z8, Z9, Z10, Z11)
	BYTES64(Z12, Z13, Z14, Z15)
	ADDQ      $64, R12
	JMP       next64

float64:
	FLOATS64(Z0, Z1, Z2, Z3)
	FLOATS64(Z4, Z5, Z6, Z7)
	FLOATS64(Z8, Z9, Z10, Z11)
	FLOATS64(Z12, Z13, Z14, Z15)
	ADDQ $256, R12

next64:
	ADDQ $256, R9
	ADDQ $256, R10
	SUBQ $64, BX
	CMPQ SI, $256
	JEQ  turned

	// From the end of a quarter to the beginning of the next, or to the end of the block.
	MOVQ  job_rows(DI), CX
	SUBQ  BX, CX
	TESTQ $255, CX
	JZ    end256
	MOVQ  R13, CX
	SUBQ  R11, CX
	SHLQ  $8, CX
	SUBQ  CX, R8
	ADDQ  $256, R8
	JMP   block64

end256:
	SUBQ $768, R8
	JMP  turned

block32:
	CMPQ      BX, $32
	JLT       block16
	VMOVDQU64 0(R9), Z0
	VMOVDQU64 64(R9), Z1
	VMOVDQA64 Z0, Z4
	VMOVDQA64 Z1, Z5
	VMOVDQA64 Z0, Z8
	VMOVDQA64 Z1, Z9
	VMOVDQA64 Z0, Z12
	VMOVDQA64 Z1, Z13
	CLEAR4(Z2, Z3, Z6, Z7)
	CLEAR4(Z10, Z11, Z14, Z15)
	MOVQ      R11, CX

	PCALIGN $64

inputs32:
	WEIGHTS(0)
	ACTS(0, Z16, Z17, Z18, Z19)
	ACTS(4, Z24, Z25, Z26, Z27)
	ROWS32(Z16, Z24, Z0, Z1, Z2, Z3)
	ROWS32(Z17, Z25, Z4, Z5, Z6, Z7)
	ROWS32(Z18, Z26, Z8, Z9, Z10, Z11)
	ROWS32(Z19, Z27, Z12, Z13, Z14, Z15)
	ADDQ $256, R8
	ADDQ $8, CX
	CMPQ CX, R13
	JLT  inputs32

	VPADDD  Z2, Z0, Z0
	VPADDD  Z3, Z1, Z1
	VPADDD  Z6, Z4, Z4
	VPADDD  Z7, Z5, Z5
	VPADDD  Z10, Z8, Z8
	VPADDD  Z11, Z9, Z9
	VPADDD  Z14, Z12, Z12
	VPADDD  Z15, Z13, Z13
	MOVQ    R12, CX
	VMOVUPS 0(R10), Z20
	VMOVUPS 64(R10), Z21
	TESTQ   $const_flagFloat, AX
	JNZ     float32
	BYTES32(Z0, Z1)
	BYTES32(Z4, Z5)
	BYTES32(Z8, Z9)
	BYTES32(Z12, Z13)
	ADDQ    $32, R12
	JMP     next32

float32:
	FLOATS32(Z0, Z1)
	FLOATS32(Z4, Z5)
	FLOATS32(Z8, Z9)
	FLOATS32(Z12, Z13)
	ADDQ $128, R12

next32:
	ADDQ $128, R9
	ADDQ $128, R10
	SUBQ $32, BX

block16:
	TESTQ     BX, BX
	JZ        next
	VMOVDQU64 (R9), Z0
	VMOVDQA64 Z0, Z4
	VMOVDQA64 Z0, Z8
	VMOVDQA64 Z0, Z12
	CLEAR4(Z1, Z5, Z9, Z13)
	MOVQ      R11, CX

	PCALIGN $64

inputs16:
	VMOVDQU64 0(R8), Z20
	VMOVDQU64 64(R8), Z21
	ACTS(0, Z16, Z17, Z18, Z19)
	ACTS(4, Z24, Z25, Z26, Z27)
	ROWS16(Z16, Z24, Z0, Z1)
	ROWS16(Z17, Z25, Z4, Z5)
	ROWS16(Z18, Z26, Z8, Z9)
	ROWS16(Z19, Z27, Z12, Z13)
	ADDQ      $128, R8
	ADDQ      $8, CX
	CMPQ      CX, R13
	JLT       inputs16

	VPADDD  Z1, Z0, Z0
	VPADDD  Z5, Z4, Z4
	VPADDD  Z9, Z8, Z8
	VPADDD  Z13, Z12, Z12
	MOVQ    R12, CX
	VMOVUPS (R10), Z20
	TESTQ   $const_flagFloat, AX
	JNZ     float16
	BYTES16(Z0)
	BYTES16(Z4)
	BYTES16(Z8)
	BYTES16(Z12)
	JMP     next

float16:
	FLOATS16(Z0)
	FLOATS16(Z4)
	FLOATS16(Z8)
	FLOATS16(Z12)

next:
	ADDQ $job__size, DI
	DECQ n+8(FP)
	JNZ  layer
	VZEROUPPER
	RET
