// Dense layers for every arm64: SMULL and SADALP of Armv8.0-A.
//
// A block has four rows, each with the weights of the same sixteen inputs side by side: 64
// bytes of weights for 16 activations. SMULL and SMLAL2 sum two products to 16 bits, at most
// 2*127*127 = 32258; SADALP adds pairs of those to 32 bits.
//
//	x0 job    x1 jobs left   x2 weights   x3 bias   x4 mult   x5 src
//	x6 dst    x7 inputs      x8 rows left x9 flags  x10 src now  x11 inputs left
//	v0-v3 sums   v4 activations   v16-v19 weights   v20-v23 products
//	v29 127.0    v30 zero

	.include "job_arm64.inc"

	.globl	runSMULL
runSMULL:
	CONSTANTS

layer:
	LAYER

block:
	movi	v0.4s, #0
	movi	v1.4s, #0
	movi	v2.4s, #0
	movi	v3.4s, #0
	mov	x10, x5
	mov	x11, x7

inputs:
	ldr	q4, [x10], #16
	ldp	q16, q17, [x2], #32
	ldp	q18, q19, [x2], #32
	subs	x11, x11, #16
	smull	v20.8h, v16.8b, v4.8b
	smull	v21.8h, v17.8b, v4.8b
	smull	v22.8h, v18.8b, v4.8b
	smull	v23.8h, v19.8b, v4.8b
	smlal2	v20.8h, v16.16b, v4.16b
	smlal2	v21.8h, v17.16b, v4.16b
	smlal2	v22.8h, v18.16b, v4.16b
	smlal2	v23.8h, v19.16b, v4.16b
	sadalp	v0.4s, v20.8h
	sadalp	v1.4s, v21.8h
	sadalp	v2.4s, v22.8h
	sadalp	v3.4s, v23.8h
	b.ne	inputs

	ldr	q16, [x3], #16
	ldr	q17, [x4], #16
	addp	v0.4s, v0.4s, v1.4s
	addp	v2.4s, v2.4s, v3.4s
	addp	v0.4s, v0.4s, v2.4s
	add	v0.4s, v0.4s, v16.4s
	tbnz	w9, #bit_float, last

	// max(sum, 0) * mult, at most 127, rounded half to even: (5)
	smax	v0.4s, v0.4s, v30.4s
	scvtf	v0.4s, v0.4s
	fmul	v0.4s, v0.4s, v17.4s
	fmin	v0.4s, v0.4s, v29.4s
	fcvtns	v0.4s, v0.4s
	xtn	v0.4h, v0.4s
	xtn	v0.8b, v0.8h
	str	s0, [x6], #4
	subs	x8, x8, #4
	b.ne	block
	b	next

last:	// sum * mult: (6)
	scvtf	v0.4s, v0.4s
	fmul	v0.4s, v0.4s, v17.4s
	str	q0, [x6], #16
	subs	x8, x8, #4
	b.ne	block

next:
	add	x0, x0, #job_size
	subs	x1, x1, #1
	b.ne	layer
	ret

// Equation (2) for sixteen values at a time. FMIN and FMAX keep NaN; FCVTNS converts it to
// 0.
//
//	x0 dst   x1 src   x2 values left   w3 scale, the bits of a float32

	.globl	quantiseNEON
quantiseNEON:
	dup	v4.4s, w3
	mov	w3, #0x42fe0000
	dup	v5.4s, w3
	fneg	v6.4s, v5.4s

sixteen:
	ldp	q0, q1, [x1], #32
	ldp	q2, q3, [x1], #32
	fdiv	v0.4s, v0.4s, v4.4s
	fdiv	v1.4s, v1.4s, v4.4s
	fdiv	v2.4s, v2.4s, v4.4s
	fdiv	v3.4s, v3.4s, v4.4s
	fmin	v0.4s, v0.4s, v5.4s
	fmin	v1.4s, v1.4s, v5.4s
	fmin	v2.4s, v2.4s, v5.4s
	fmin	v3.4s, v3.4s, v5.4s
	fmax	v0.4s, v0.4s, v6.4s
	fmax	v1.4s, v1.4s, v6.4s
	fmax	v2.4s, v2.4s, v6.4s
	fmax	v3.4s, v3.4s, v6.4s
	fcvtns	v0.4s, v0.4s
	fcvtns	v1.4s, v1.4s
	fcvtns	v2.4s, v2.4s
	fcvtns	v3.4s, v3.4s
	xtn	v0.4h, v0.4s
	xtn2	v0.8h, v1.4s
	xtn	v2.4h, v2.4s
	xtn2	v2.8h, v3.4s
	xtn	v0.8b, v0.8h
	xtn2	v0.16b, v2.8h
	str	q0, [x0], #16
	subs	x2, x2, #16
	b.ne	sixteen
	ret
