//go:build !purego

#include "textflag.h"

// Equation (9), one strip of columns at a time: 32 columns, or 16 or 8 if there are fewer.
// The last strip ends at the last column and may overlap the one before. Products and sums
// are rounded separately: no fused instruction.
//
//	DI dst   SI rows   DX weights   R8 bytes a row   R9 rows
//	R10 offset of the strip   R11 its bytes   R12 row now   R13 weight now
//	CX rows left   Y0-Y3 sums   Y4 weight   Y5-Y8 products

#define TERM(off, y, sum) \
	VMULPS off(R12), Y4, y \
	VADDPS y, sum, sum

// NEXT goes to the next row of the strip.
#define NEXT \
	ADDQ R8, R12 \
	ADDQ $4, R13 \
	DECQ CX

// func sumRowsAVX2(dst, rows, weights *float32, n, count int)
TEXT ·sumRowsAVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ rows+8(FP), SI
	MOVQ weights+16(FP), DX
	MOVQ n+24(FP), R8
	MOVQ count+32(FP), R9
	SHLQ $2, R8
	XORL R10, R10
	MOVQ $128, R11
	CMPQ R8, R11
	JGE  strip
	MOVQ $64, R11
	CMPQ R8, R11
	JGE  strip
	MOVQ $32, R11

strip:
	LEAQ   (SI)(R10*1), R12
	MOVQ   DX, R13
	MOVQ   R9, CX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	CMPQ   R11, $64
	JEQ    step16
	JLT    step8
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3

step32:
	VBROADCASTSS (R13), Y4
	TERM(0, Y5, Y0)
	TERM(32, Y6, Y1)
	TERM(64, Y7, Y2)
	TERM(96, Y8, Y3)
	NEXT
	JNZ          step32
	VMOVUPS      Y0, 0(DI)(R10*1)
	VMOVUPS      Y1, 32(DI)(R10*1)
	VMOVUPS      Y2, 64(DI)(R10*1)
	VMOVUPS      Y3, 96(DI)(R10*1)
	JMP          next

step16:
	VBROADCASTSS (R13), Y4
	TERM(0, Y5, Y0)
	TERM(32, Y6, Y1)
	NEXT
	JNZ          step16
	VMOVUPS      Y0, 0(DI)(R10*1)
	VMOVUPS      Y1, 32(DI)(R10*1)
	JMP          next

step8:
	VBROADCASTSS (R13), Y4
	TERM(0, Y5, Y0)
	NEXT
	JNZ          step8
	VMOVUPS      Y0, 0(DI)(R10*1)

next:
	ADDQ R11, R10
	CMPQ R10, R8
	JEQ  done
	MOVQ R8, AX
	SUBQ R11, AX // the beginning of the last strip
	CMPQ R10, AX
	JLE  strip
	MOVQ AX, R10
	JMP  strip

done:
	VZEROUPPER
	RET
