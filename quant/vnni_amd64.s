//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// Sums of products for sixteen rows in one register: VPDPBUSD multiplies
// unsigned activations by signed weights and adds four products to each 32-bit
// lane, without saturation. Signed activations x go in as x+128, which is the
// byte with its top bit turned; 128 times the row's weights is in the bias that
// comes with them.
//
// VPDPBUSD takes five cycles and the CPU begins up to two in one, so each block
// sums in four registers or more and adds those up at its end.
//
//	DI job   SI jobs left   R8 weights   R9 bias   R10 mult   R11 src
//	R12 dst  R13 src's end  BX rows left AX flags  CX src now DX src's last whole turn
//	Z0-Z7 sums  Z16-Z19 activations
//	Z28 lane order of a 64-row store  Z29 top bits  Z30 zero  Z31 127

DATA seven<>+0(SB)/4, $127
GLOBL seven<>(SB), RODATA|NOPTR, $4
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

#define FLIP(x) VPXORD Z29, x, x

// EIGHT64 is 64 rows of eight inputs whose activations are in Z16 and Z17.
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

// SIXTEEN32 is 32 rows of sixteen inputs, EIGHT32 of eight.
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

// SIXTEEN16 and EIGHT16 are 16 rows.
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
#define SCALE(off, acc) \
	VPMAXSD    Z30, acc, acc      \
	VCVTDQ2PS  acc, acc           \
	VMULPS     off(R10), acc, acc \
	VCVTPS2UDQ acc, acc           \
	VPMINUD    Z31, acc, acc

// STORE is acc * mult as float32: (6).
#define STORE(off, acc) \
	VCVTDQ2PS acc, acc           \
	VMULPS    off(R10), acc, acc \
	VMOVUPS   acc, off(R12)

// func runVNNI(first *job, n int)
TEXT ·runVNNI(SB), NOSPLIT, $0-16
	MOVQ         first+0(FP), DI
	MOVQ         n+8(FP), SI
	VPBROADCASTD seven<>(SB), Z31
	VPBROADCASTD tops<>(SB), Z29
	VMOVDQU64    lanes<>(SB), Z28
	VPXORD       Z30, Z30, Z30

layer:
	MOVQ job_weights(DI), R8
	MOVQ job_bias(DI), R9
	MOVQ job_mult(DI), R10
	MOVQ job_src(DI), R11
	MOVQ job_dst(DI), R12
	MOVQ job_inputs(DI), R13
	MOVQ R13, DX
	ADDQ R11, R13
	ANDQ $~15, DX
	ADDQ R11, DX
	MOVQ job_rows(DI), BX
	MOVQ job_flags(DI), AX

	CMPQ BX, $64
	JLT  block32

block64:
	VMOVDQU64 0(R9), Z0
	VMOVDQU64 64(R9), Z1
	VMOVDQU64 128(R9), Z2
	VMOVDQU64 192(R9), Z3
	VPXORD    Z4, Z4, Z4
	VPXORD    Z5, Z5, Z5
	VPXORD    Z6, Z6, Z6
	VPXORD    Z7, Z7, Z7
	MOVQ      R11, CX
	TESTQ     $const_flagSigned, AX
	JNZ       signed64

	PCALIGN $64

unsigned64:
	EIGHT
	EIGHT64
	CMPQ CX, R13
	JLT  unsigned64
	JMP  end64

	PCALIGN $64

signed64:
	EIGHT
	FLIP(Z16)
	FLIP(Z17)
	EIGHT64
	CMPQ CX, R13
	JLT  signed64

end64:
	VPADDD    Z4, Z0, Z0
	VPADDD    Z5, Z1, Z1
	VPADDD    Z6, Z2, Z2
	VPADDD    Z7, Z3, Z3
	TESTQ     $const_flagFloat, AX
	JNZ       float64
	SCALE(0, Z0)
	SCALE(64, Z1)
	SCALE(128, Z2)
	SCALE(192, Z3)
	VPACKUSDW Z1, Z0, Z0
	VPACKUSDW Z3, Z2, Z2
	VPACKUSWB Z2, Z0, Z0
	VPERMD    Z0, Z28, Z0
	VMOVDQU64 Z0, (R12)
	ADDQ      $64, R12
	JMP       next64

float64:
	STORE(0, Z0)
	STORE(64, Z1)
	STORE(128, Z2)
	STORE(192, Z3)
	ADDQ $256, R12

next64:
	ADDQ $256, R9
	ADDQ $256, R10
	SUBQ $64, BX
	CMPQ BX, $64
	JGE  block64

block32:
	CMPQ      BX, $32
	JLT       block16
	VMOVDQU64 0(R9), Z0
	VMOVDQU64 64(R9), Z1
	VPXORD    Z2, Z2, Z2
	VPXORD    Z3, Z3, Z3
	VPXORD    Z4, Z4, Z4
	VPXORD    Z5, Z5, Z5
	VPXORD    Z6, Z6, Z6
	VPXORD    Z7, Z7, Z7
	MOVQ      R11, CX
	TESTQ     $const_flagSigned, AX
	JNZ       signed32

unsigned32:
	CMPQ CX, DX
	JGE  rest32
	SIXTEEN
	SIXTEEN32
	JMP  unsigned32

rest32:
	CMPQ CX, R13
	JGE  end32
	EIGHT
	JMP  last32

signed32:
	CMPQ CX, DX
	JGE  restSigned32
	SIXTEEN
	FLIP(Z16)
	FLIP(Z17)
	FLIP(Z18)
	FLIP(Z19)
	SIXTEEN32
	JMP  signed32

restSigned32:
	CMPQ CX, R13
	JGE  end32
	EIGHT
	FLIP(Z16)
	FLIP(Z17)

last32:
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
	SCALE(0, Z0)
	SCALE(64, Z1)
	VPMOVDB Z0, (R12)
	VPMOVDB Z1, 16(R12)
	ADDQ    $32, R12
	JMP     next32

float32:
	STORE(0, Z0)
	STORE(64, Z1)
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
	TESTQ     $const_flagSigned, AX
	JNZ       signed16

unsigned16:
	CMPQ CX, DX
	JGE  rest16
	SIXTEEN
	SIXTEEN16
	JMP  unsigned16

rest16:
	CMPQ CX, R13
	JGE  end16
	EIGHT
	JMP  last16

signed16:
	CMPQ CX, DX
	JGE  restSigned16
	SIXTEEN
	FLIP(Z16)
	FLIP(Z17)
	FLIP(Z18)
	FLIP(Z19)
	SIXTEEN16
	JMP  signed16

restSigned16:
	CMPQ CX, R13
	JGE  end16
	EIGHT
	FLIP(Z16)
	FLIP(Z17)

last16:
	EIGHT16

end16:
	VPADDD  Z1, Z0, Z0
	VPADDD  Z3, Z2, Z2
	VPADDD  Z2, Z0, Z0
	TESTQ   $const_flagFloat, AX
	JNZ     float16
	SCALE(0, Z0)
	VPMOVDB Z0, (R12)
	JMP     next

float16:
	STORE(0, Z0)

next:
	ADDQ $job__size, DI
	DECQ SI
	JNZ  layer
	VZEROUPPER
	RET
