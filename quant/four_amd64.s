//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// The layers of avx2_amd64.s for four windows at once. Each weight that is loaded is used
// for all windows, which have sums of their own. Window w reads at src + w*srcStep and
// writes at dst + w*dstStep. A block of 32 rows is computed in two halves of 16, which need
// eight sums.
//
//	DI job   SI jobs left   R8 weights   R9 bias   R10 mult   R11 src
//	R12 dst  R13 src's end  BX rows left AX flags  CX src now, dst now
//	DX srcStep   R14 three of it   R15 dstStep
//	Y0-Y7 sums, two a window   Y8, Y9, Y14 scratch   Y10, Y11 weights
//	Y12 127.0   Y13 lane order of a 16-row store   Y15 ones

DATA ones4<>+0(SB)/8, $0x0001000100010001
GLOBL ones4<>(SB), RODATA|NOPTR, $8
DATA top4<>+0(SB)/4, $0x42fe0000 // 127.0
GLOBL top4<>(SB), RODATA|NOPTR, $4
DATA order4<>+0(SB)/8, $0x0000000400000000
DATA order4<>+8(SB)/8, $0x0000000500000001
DATA order4<>+16(SB)/8, $0x0000000600000002
DATA order4<>+24(SB)/8, $0x0000000700000003
GLOBL order4<>(SB), RODATA|NOPTR, $32

#define secondHalf 4 // in AX, beside the job's flags

// SUM adds to acc the products of eight rows and four unsigned inputs in Y8. SUMS is the
// same for signed inputs, with their magnitude in Y8 and their sign in Y14.
#define SUM(w, acc) \
	VPMADDUBSW w, Y8, Y9    \
	VPMADDWD   Y15, Y9, Y9  \
	VPADDD     Y9, acc, acc

#define SUMS(w, acc) \
	VPSIGNB    Y14, w, Y9   \
	VPMADDUBSW Y9, Y8, Y9   \
	VPMADDWD   Y15, Y9, Y9  \
	VPADDD     Y9, acc, acc

#define WINDOW16(x, a, b) \
	VPBROADCASTD x, Y8 \
	SUM(Y10, a)        \
	SUM(Y11, b)

#define SIGNED16(x, a, b) \
	VPBROADCASTD x, Y14 \
	VPABSB Y14, Y8      \
	SUMS(Y10, a)        \
	SUMS(Y11, b)

#define WINDOW8(x, a) \
	VPBROADCASTD x, Y8 \
	SUM(Y10, a)

#define SIGNED8(x, a) \
	VPBROADCASTD x, Y14 \
	VPABSB Y14, Y8      \
	SUMS(Y10, a)

// SCALE is max(acc, 0) * mult, at most 127, rounded half to even: (5).
#define SCALE(off, acc) \
	VPMAXSD   Y14, acc, acc      \
	VCVTDQ2PS acc, acc           \
	VMULPS    off(R10), acc, acc \
	VMINPS    Y12, acc, acc      \
	VCVTPS2DQ acc, acc

// STORE is acc * mult as float32: (6).
#define STORE(off, acc) \
	VCVTDQ2PS acc, acc           \
	VMULPS    off(R10), acc, acc \
	VMOVUPS   acc, off(CX)

#define BYTES16(a, b, x) \
	SCALE(0, a)            \
	SCALE(32, b)           \
	VPACKSSDW b, a, a      \
	VPACKSSWB a, a, a      \
	VPERMD    a, Y13, a    \
	VMOVDQU   x, (CX)      \
	ADDQ      R15, CX

#define FLOATS16(a, b) \
	STORE(0, a)  \
	STORE(32, b) \
	ADDQ R15, CX

#define BYTES8(a, x) \
	SCALE(0, a)             \
	VEXTRACTI128 $1, a, X9  \
	VPACKSSDW    X9, x, x   \
	VPACKSSWB    x, x, x    \
	VMOVQ        x, (CX)    \
	ADDQ         R15, CX

#define FLOATS8(a) \
	STORE(0, a)  \
	ADDQ R15, CX

// func run4AVX2(first *job, n int)
TEXT ·run4AVX2(SB), NOSPLIT, $0-16
	MOVQ         first+0(FP), DI
	MOVQ         n+8(FP), SI
	VPBROADCASTD ones4<>(SB), Y15
	VPBROADCASTD top4<>(SB), Y12
	VMOVDQU      order4<>(SB), Y13

layer:
	MOVQ job_weights(DI), R8
	MOVQ job_bias(DI), R9
	MOVQ job_mult(DI), R10
	MOVQ job_src(DI), R11
	MOVQ job_dst(DI), R12
	MOVQ job_inputs(DI), R13
	ADDQ R11, R13
	MOVQ job_rows(DI), BX
	MOVQ job_flags(DI), AX
	MOVQ job_srcStep(DI), DX
	MOVQ job_dstStep(DI), R15
	LEAQ (DX)(DX*2), R14

	CMPQ BX, $32
	JLT  block8

half:
	VMOVDQU 0(R9), Y0
	VMOVDQU 32(R9), Y1
	VMOVDQA Y0, Y2
	VMOVDQA Y1, Y3
	VMOVDQA Y0, Y4
	VMOVDQA Y1, Y5
	VMOVDQA Y0, Y6
	VMOVDQA Y1, Y7
	MOVQ    R11, CX
	TESTQ   $const_flagSigned, AX
	JNZ     signed16

	PCALIGN $32

unsigned16:
	VMOVDQU 0(R8), Y10
	VMOVDQU 32(R8), Y11
	WINDOW16((CX), Y0, Y1)
	WINDOW16((CX)(DX*1), Y2, Y3)
	WINDOW16((CX)(DX*2), Y4, Y5)
	WINDOW16((CX)(R14*1), Y6, Y7)
	ADDQ    $128, R8
	ADDQ    $4, CX
	CMPQ    CX, R13
	JLT     unsigned16
	JMP     end16

	PCALIGN $32

signed16:
	VMOVDQU 0(R8), Y10
	VMOVDQU 32(R8), Y11
	SIGNED16((CX), Y0, Y1)
	SIGNED16((CX)(DX*1), Y2, Y3)
	SIGNED16((CX)(DX*2), Y4, Y5)
	SIGNED16((CX)(R14*1), Y6, Y7)
	ADDQ    $128, R8
	ADDQ    $4, CX
	CMPQ    CX, R13
	JLT     signed16

end16:
	MOVQ  R12, CX
	TESTQ $const_flagFloat, AX
	JNZ   float16
	VPXOR Y14, Y14, Y14
	BYTES16(Y0, Y1, X0)
	BYTES16(Y2, Y3, X2)
	BYTES16(Y4, Y5, X4)
	BYTES16(Y6, Y7, X6)
	ADDQ  $16, R12
	JMP   next16

float16:
	FLOATS16(Y0, Y1)
	FLOATS16(Y2, Y3)
	FLOATS16(Y4, Y5)
	FLOATS16(Y6, Y7)
	ADDQ $64, R12

next16:
	ADDQ  $64, R9
	ADDQ  $64, R10
	SUBQ  $16, BX
	XORQ  $secondHalf, AX
	TESTQ $secondHalf, AX
	JZ    next32
	MOVQ  R13, CX // back to the beginning of the block, plus 16 rows
	SUBQ  R11, CX
	SHLQ  $5, CX
	SUBQ  CX, R8
	ADDQ  $64, R8
	JMP   half

next32:
	SUBQ $64, R8
	CMPQ BX, $32
	JGE  half

block8:
	TESTQ   BX, BX
	JZ      next
	VMOVDQU (R9), Y0
	VMOVDQA Y0, Y2
	VMOVDQA Y0, Y4
	VMOVDQA Y0, Y6
	MOVQ    R11, CX
	TESTQ   $const_flagSigned, AX
	JNZ     signed8

	PCALIGN $32

unsigned8:
	VMOVDQU (R8), Y10
	WINDOW8((CX), Y0)
	WINDOW8((CX)(DX*1), Y2)
	WINDOW8((CX)(DX*2), Y4)
	WINDOW8((CX)(R14*1), Y6)
	ADDQ    $32, R8
	ADDQ    $4, CX
	CMPQ    CX, R13
	JLT     unsigned8
	JMP     end8

	PCALIGN $32

signed8:
	VMOVDQU (R8), Y10
	SIGNED8((CX), Y0)
	SIGNED8((CX)(DX*1), Y2)
	SIGNED8((CX)(DX*2), Y4)
	SIGNED8((CX)(R14*1), Y6)
	ADDQ    $32, R8
	ADDQ    $4, CX
	CMPQ    CX, R13
	JLT     signed8

end8:
	MOVQ  R12, CX
	TESTQ $const_flagFloat, AX
	JNZ   float8
	VPXOR Y14, Y14, Y14
	BYTES8(Y0, X0)
	BYTES8(Y2, X2)
	BYTES8(Y4, X4)
	BYTES8(Y6, X6)
	ADDQ  $8, R12
	JMP   next8

float8:
	FLOATS8(Y0)
	FLOATS8(Y2)
	FLOATS8(Y4)
	FLOATS8(Y6)
	ADDQ $32, R12

next8:
	ADDQ $32, R9
	ADDQ $32, R10
	SUBQ $8, BX
	JMP  block8

next:
	ADDQ $job__size, DI
	DECQ SI
	JNZ  layer
	VZEROUPPER
	RET
