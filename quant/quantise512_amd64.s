//go:build !purego

#include "textflag.h"

// Equation (2) with AVX-512, sixteen values per register, and for nearly all of them
// without a division. Let r be 1/scale rounded and v the quotient x/scale rounded. The
// product t = x*r rounded differs from v by three roundings: |t-v| < 2^-15 for |v| <= 128.
// The integer nearest to t is the one nearest to v unless t lies within 2^-14 of a half.
// That happens for one value of 8,000; then the quotients are computed. Beyond 128 both are
// clamped. r is normal by (8), and where x*r overflows or underflows float32, v is clamped
// or 0 as well. The smallest values convert to -2^31, which saturates as they do.
//
//	DI dst   SI src   CX values left   Z16 scale   Z17 1/scale   Z18 127.0
//	Z19 -127.0   Z20 0.5 - 2^-14   Z21 -127 as bytes   Z22 lane order
//	Z24 farthest from an integer   Z26-Z29 t   Z30, Z31 scratch

DATA floats<>+0(SB)/4, $0x3f800000 // 1.0
DATA floats<>+4(SB)/4, $0x42fe0000 // 127.0
DATA floats<>+8(SB)/4, $0xc2fe0000 // -127.0
DATA floats<>+12(SB)/4, $0x3efff800 // 0.5 - 2^-14
DATA floats<>+16(SB)/4, $0x81818181 // -127 four times
GLOBL floats<>(SB), RODATA|NOPTR, $20
DATA words<>+0(SB)/8, $0x0000000400000000
DATA words<>+8(SB)/8, $0x0000000c00000008
DATA words<>+16(SB)/8, $0x0000000500000001
DATA words<>+24(SB)/8, $0x0000000d00000009
DATA words<>+32(SB)/8, $0x0000000600000002
DATA words<>+40(SB)/8, $0x0000000e0000000a
DATA words<>+48(SB)/8, $0x0000000700000003
DATA words<>+56(SB)/8, $0x0000000f0000000b
GLOBL words<>(SB), RODATA|NOPTR, $64

// NEAR converts the values in q to integers and keeps in Z24 the largest distance of a value
// from its integer, which VREDUCEPS gives; $11 selects the larger magnitude. NaN compares
// unequal to itself and is masked to 0.
#define NEAR(q, t, k) \
	VCMPPS    $7, q, q, k      \
	VMULPS.Z  Z17, q, k, t     \
	VMINPS    Z18, t, t        \
	VCVTPS2DQ t, q             \
	VREDUCEPS $0, t, Z30       \
	VRANGEPS  $11, Z30, Z24, Z24

// QUOTIENT converts the values in q to integers by dividing.
#define QUOTIENT(q, k) \
	VCMPPS    $7, q, q, k  \
	VDIVPS.Z  Z16, q, k, q \
	VMINPS    Z18, q, q    \
	VMAXPS    Z19, q, q    \
	VCVTPS2DQ q, q

// func quantise512(dst *int8, src *float32, n int, scale float32)
TEXT ·quantise512(SB), NOSPLIT, $0-28
	MOVQ         dst+0(FP), DI
	MOVQ         src+8(FP), SI
	MOVQ         n+16(FP), CX
	VBROADCASTSS scale+24(FP), Z16
	VMOVSS       floats<>+0(SB), X17
	VDIVSS       X16, X17, X17
	VBROADCASTSS X17, Z17
	VBROADCASTSS floats<>+4(SB), Z18
	VBROADCASTSS floats<>+8(SB), Z19
	VBROADCASTSS floats<>+12(SB), Z20
	VPBROADCASTD floats<>+16(SB), Z21
	VMOVDQU64    words<>(SB), Z22
	CMPQ         CX, $64
	JLT          rest

block: // 64 values
	VMOVUPS   0(SI), Z0
	VMOVUPS   64(SI), Z1
	VMOVUPS   128(SI), Z2
	VMOVUPS   192(SI), Z3
	VPXORD    Z24, Z24, Z24
	NEAR(Z0, Z26, K1)
	NEAR(Z1, Z27, K2)
	NEAR(Z2, Z28, K3)
	NEAR(Z3, Z29, K4)
	VCMPPS    $13, Z20, Z24, K5
	KORTESTW  K5, K5
	JNZ       divide

pack:
	VPACKSSDW Z1, Z0, Z0
	VPACKSSDW Z3, Z2, Z2
	VPACKSSWB Z2, Z0, Z0
	VPMAXSB   Z21, Z0, Z0
	VPERMD    Z0, Z22, Z0
	VMOVDQU64 Z0, (DI)
	ADDQ      $256, SI
	ADDQ      $64, DI
	SUBQ      $64, CX
	CMPQ      CX, $64
	JGE       block

rest: // sixteen or fewer at a time
	TESTQ     CX, CX
	JLE       done
	MOVL      $-1, AX
	CMPQ      CX, $16
	JGE       whole
	MOVL      $1, AX
	SHLL      CX, AX
	DECL      AX

whole:
	KMOVW     AX, K6
	VMOVUPS.Z (SI), K6, Z0
	VPXORD    Z24, Z24, Z24
	NEAR(Z0, Z26, K1)
	VCMPPS    $13, Z20, Z24, K5
	KORTESTW  K5, K5
	JZ        store
	VMOVUPS.Z (SI), K6, Z0
	QUOTIENT(Z0, K1)

store:
	VPMOVSDB  Z0, X0
	VPMAXSB   X21, X0, X0
	VMOVDQU8  X0, K6, (DI)
	ADDQ      $64, SI
	ADDQ      $16, DI
	SUBQ      $16, CX
	JMP       rest

done:
	VZEROUPPER
	RET

divide:
	VMOVUPS  0(SI), Z0
	VMOVUPS  64(SI), Z1
	VMOVUPS  128(SI), Z2
	VMOVUPS  192(SI), Z3
	QUOTIENT(Z0, K1)
	QUOTIENT(Z1, K2)
	QUOTIENT(Z2, K3)
	QUOTIENT(Z3, K4)
	JMP      pack
