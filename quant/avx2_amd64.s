//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// Sums of products for eight rows per register. VPMADDUBSW multiplies unsigned
// activations by signed weights and adds pairs to 16 bits, at most 2*127*127 = 32258;
// VPMADDWD with ones adds pairs of those to 32 bits. Signed activations x are given as
// |x|, and VPSIGNB moves their sign to the weights.
//
//	DI job   SI jobs left   R8 weights   R9 bias   R10 mult   R11 src
//	R12 dst  R13 src's end  BX rows left AX flags  CX src now
//	Y0-Y3 sums  Y8 activations  Y9, Y10 scratch  Y11 signs
//	Y12 127.0   Y13 lane order of a 32-row store  Y14 zero  Y15 ones

DATA ones<>+0(SB)/8, $0x0001000100010001
GLOBL ones<>(SB), RODATA|NOPTR, $8
DATA top<>+0(SB)/4, $0x42fe0000 // 127.0
GLOBL top<>(SB), RODATA|NOPTR, $4
DATA order<>+0(SB)/8, $0x0000000400000000
DATA order<>+8(SB)/8, $0x0000000500000001
DATA order<>+16(SB)/8, $0x0000000600000002
DATA order<>+24(SB)/8, $0x0000000700000003
GLOBL order<>(SB), RODATA|NOPTR, $32

// ADD adds to acc the products of eight rows, at offset off, and four unsigned inputs.
#define ADD(off, acc) \
	VPMADDUBSW off(R8), Y8, Y9 \
	VPMADDWD   Y15, Y9, Y9     \
	VPADDD     Y9, acc, acc

// ADDS is ADD for signed inputs, with their magnitude in Y8 and their sign in Y11.
#define ADDS(off, acc) \
	VMOVDQU    off(R8), Y9     \
	VPSIGNB    Y11, Y9, Y9     \
	VPMADDUBSW Y9, Y8, Y9      \
	VPMADDWD   Y15, Y9, Y9     \
	VPADDD     Y9, acc, acc

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
	VMOVUPS   acc, off(R12)

// func runAVX2(first *job, n int)
TEXT ·runAVX2(SB), NOSPLIT, $0-16
	MOVQ         first+0(FP), DI
	MOVQ         n+8(FP), SI
	VPBROADCASTD ones<>(SB), Y15
	VPBROADCASTD top<>(SB), Y12
	VMOVDQU      order<>(SB), Y13
	VPXOR        Y14, Y14, Y14

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

	CMPQ BX, $32
	JLT  block8

block32:
	VMOVDQU 0(R9), Y0
	VMOVDQU 32(R9), Y1
	VMOVDQU 64(R9), Y2
	VMOVDQU 96(R9), Y3
	MOVQ    R11, CX
	TESTQ   $const_flagSigned, AX
	JNZ     signed32

	PCALIGN $32

unsigned32:
	VPBROADCASTD (CX), Y8
	ADD(0, Y0)
	ADD(32, Y1)
	ADD(64, Y2)
	ADD(96, Y3)
	ADDQ         $128, R8
	ADDQ         $4, CX
	CMPQ         CX, R13
	JLT          unsigned32
	JMP          end32

	PCALIGN $32

signed32:
	VPBROADCASTD (CX), Y11
	VPABSB       Y11, Y8
	ADDS(0, Y0)
	ADDS(32, Y1)
	ADDS(64, Y2)
	ADDS(96, Y3)
	ADDQ         $128, R8
	ADDQ         $4, CX
	CMPQ         CX, R13
	JLT          signed32

end32:
	TESTQ     $const_flagFloat, AX
	JNZ       float32
	SCALE(0, Y0)
	SCALE(32, Y1)
	SCALE(64, Y2)
	SCALE(96, Y3)
	VPACKSSDW Y1, Y0, Y0
	VPACKSSDW Y3, Y2, Y2
	VPACKSSWB Y2, Y0, Y0
	VPERMD    Y0, Y13, Y0
	VMOVDQU   Y0, (R12)
	ADDQ      $32, R12
	JMP       next32

float32:
	STORE(0, Y0)
	STORE(32, Y1)
	STORE(64, Y2)
	STORE(96, Y3)
	ADDQ $128, R12

next32:
	ADDQ $128, R9
	ADDQ $128, R10
	SUBQ $32, BX
	CMPQ BX, $32
	JGE  block32

block8:
	TESTQ   BX, BX
	JZ      next
	VMOVDQU (R9), Y0
	MOVQ    R11, CX
	TESTQ   $const_flagSigned, AX
	JNZ     signed8

	PCALIGN $32

unsigned8:
	VPBROADCASTD (CX), Y8
	ADD(0, Y0)
	ADDQ         $32, R8
	ADDQ         $4, CX
	CMPQ         CX, R13
	JLT          unsigned8
	JMP          end8

	PCALIGN $32

signed8:
	VPBROADCASTD (CX), Y11
	VPABSB       Y11, Y8
	ADDS(0, Y0)
	ADDQ         $32, R8
	ADDQ         $4, CX
	CMPQ         CX, R13
	JLT          signed8

end8:
	TESTQ        $const_flagFloat, AX
	JNZ          float8
	SCALE(0, Y0)
	VEXTRACTI128 $1, Y0, X1
	VPACKSSDW    X1, X0, X0
	VPACKSSWB    X0, X0, X0
	VMOVQ        X0, (R12)
	ADDQ         $8, R12
	JMP          next8

float8:
	STORE(0, Y0)
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
