//go:build !purego

#include "textflag.h"

// What MeasureLimits times. See limits.go.

#define FOUR \
	ADDQ CX, CX \
	ADDQ CX, CX \
	ADDQ CX, CX \
	ADDQ CX, CX

// func chainAMD64(n int)
TEXT ·chainAMD64(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), AX
	MOVQ $1, CX

	PCALIGN $32

step:
	FOUR
	FOUR
	FOUR
	FOUR
	DECQ AX
	JNZ  step
	RET

// MACS is 32 multiply-accumulates as the inner loop of runAVX2 does them.
#define MACS(acc, tmp) \
	VPMADDUBSW Y13, Y14, tmp \
	VPMADDWD   Y15, tmp, tmp \
	VPADDD     tmp, acc, acc

// func peakAVX2(n int)
TEXT ·peakAVX2(SB), NOSPLIT, $0-8
	MOVQ     n+0(FP), AX
	VPCMPEQD Y15, Y15, Y15
	VPXOR    Y13, Y13, Y13
	VPXOR    Y14, Y14, Y14
	VPXOR    Y0, Y0, Y0
	VPXOR    Y1, Y1, Y1
	VPXOR    Y2, Y2, Y2
	VPXOR    Y3, Y3, Y3

	PCALIGN $32

step:
	MACS(Y0, Y4)
	MACS(Y1, Y5)
	MACS(Y2, Y6)
	MACS(Y3, Y7)
	MACS(Y0, Y8)
	MACS(Y1, Y9)
	MACS(Y2, Y10)
	MACS(Y3, Y11)
	DECQ     AX
	JNZ      step
	VZEROUPPER
	RET

// func streamAVX2(p *int8, n int)
TEXT ·streamAVX2(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), DI
	MOVQ n+8(FP), AX

	PCALIGN $32

step:
	VMOVDQU 0(DI), Y0
	VMOVDQU 32(DI), Y1
	VMOVDQU 64(DI), Y2
	VMOVDQU 96(DI), Y3
	VMOVDQU 128(DI), Y4
	VMOVDQU 160(DI), Y5
	VMOVDQU 192(DI), Y6
	VMOVDQU 224(DI), Y7
	ADDQ    $256, DI
	SUBQ    $256, AX
	JNZ     step
	VZEROUPPER
	RET
