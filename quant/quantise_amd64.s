//go:build !purego

#include "textflag.h"

// Equation (2), eight values per register.
//
//	DI dst   SI src   CX values left   Y8 scale   Y9 scratch   Y10 lane order
//	Y11 -127.0   Y12 127.0

DATA limits<>+0(SB)/4, $0x42fe0000 // 127.0
DATA limits<>+4(SB)/4, $0xc2fe0000 // -127.0
GLOBL limits<>(SB), RODATA|NOPTR, $8
DATA order<>+0(SB)/8, $0x0000000400000000
DATA order<>+8(SB)/8, $0x0000000500000001
DATA order<>+16(SB)/8, $0x0000000600000002
DATA order<>+24(SB)/8, $0x0000000700000003
GLOBL order<>(SB), RODATA|NOPTR, $32

// ROUND converts eight values to 32-bit integers. NaN compares unequal to itself and is
// masked to 0. The limits are the first operands of MAX and MIN.
#define ROUND(r) \
	VDIVPS    Y8, r, r     \
	VCMPPS    $7, r, r, Y9 \
	VANDPS    Y9, r, r     \
	VMINPS    Y12, r, r    \
	VMAXPS    Y11, r, r    \
	VCVTPS2DQ r, r

// func quantiseAVX2(dst *int8, src *float32, n int, scale float32)
TEXT ·quantiseAVX2(SB), NOSPLIT, $0-28
	MOVQ         dst+0(FP), DI
	MOVQ         src+8(FP), SI
	MOVQ         n+16(FP), CX
	VBROADCASTSS scale+24(FP), Y8
	VBROADCASTSS limits<>+0(SB), Y12
	VBROADCASTSS limits<>+4(SB), Y11
	VMOVDQU      order<>(SB), Y10
	CMPQ         CX, $32
	JLT          eight

block: // 32 values
	VMOVUPS   0(SI), Y0
	VMOVUPS   32(SI), Y1
	VMOVUPS   64(SI), Y2
	VMOVUPS   96(SI), Y3
	ROUND(Y0)
	ROUND(Y1)
	ROUND(Y2)
	ROUND(Y3)
	VPACKSSDW Y1, Y0, Y0
	VPACKSSDW Y3, Y2, Y2
	VPACKSSWB Y2, Y0, Y0
	VPERMD    Y0, Y10, Y0
	VMOVDQU   Y0, (DI)
	ADDQ      $128, SI
	ADDQ      $32, DI
	SUBQ      $32, CX
	CMPQ      CX, $32
	JGE       block
	TESTQ     CX, CX
	JZ        done
	LEAQ      -128(SI)(CX*4), SI // the last 32 values, some of them a second time
	LEAQ      -32(DI)(CX*1), DI
	MOVQ      $32, CX
	JMP       block

eight: // fewer than 32
	VMOVUPS      (SI), Y0
	ROUND(Y0)
	VEXTRACTI128 $1, Y0, X1
	VPACKSSDW    X1, X0, X0
	VPACKSSWB    X0, X0, X0
	VMOVQ        X0, (DI)
	ADDQ         $32, SI
	ADDQ         $8, DI
	SUBQ         $8, CX
	JNZ          eight

done:
	VZEROUPPER
	RET
