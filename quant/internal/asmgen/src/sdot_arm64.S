// Dense layers for CPUs with the dot product of Armv8.2-A (HWCAP ASIMDDP: Cortex-A76, A78),
// by element: one instruction multiplies four inputs by the weights of four rows.
//
// Weights lie in blocks of 32 rows, then of 8 for the rest. A block has, for each four
// inputs, the four weights of each of its rows.
//
//	x0 job    x1 jobs left   x2 weights   x3 bias   x4 mult   x5 src
//	x6 dst    x7 inputs      x8 rows left x9 flags  x10 src now  x11 inputs left
//	v0-v7 sums   v8 activations   v16-v23 weights   v29 127.0   v30 zero

	.arch	armv8.2-a+dotprod
	.include "job_arm64.inc"

// FOUR: four inputs, element \e of v8, for 32 rows.
	.macro	FOUR e
	ldp	q16, q17, [x2], #32
	ldp	q18, q19, [x2], #32
	ldp	q20, q21, [x2], #32
	ldp	q22, q23, [x2], #32
	sdot	v0.4s, v16.16b, v8.4b[\e]
	sdot	v1.4s, v17.16b, v8.4b[\e]
	sdot	v2.4s, v18.16b, v8.4b[\e]
	sdot	v3.4s, v19.16b, v8.4b[\e]
	sdot	v4.4s, v20.16b, v8.4b[\e]
	sdot	v5.4s, v21.16b, v8.4b[\e]
	sdot	v6.4s, v22.16b, v8.4b[\e]
	sdot	v7.4s, v23.16b, v8.4b[\e]
	.endm

// EIGHT: (5) for the sums of eight rows in \a and \b.
	.macro	EIGHT a, b
	ldp	q16, q17, [x4], #32
	smax	v\a\().4s, v\a\().4s, v30.4s
	smax	v\b\().4s, v\b\().4s, v30.4s
	scvtf	v\a\().4s, v\a\().4s
	scvtf	v\b\().4s, v\b\().4s
	fmul	v\a\().4s, v\a\().4s, v16.4s
	fmul	v\b\().4s, v\b\().4s, v17.4s
	fmin	v\a\().4s, v\a\().4s, v29.4s
	fmin	v\b\().4s, v\b\().4s, v29.4s
	fcvtns	v\a\().4s, v\a\().4s
	fcvtns	v\b\().4s, v\b\().4s
	xtn	v\a\().4h, v\a\().4s
	xtn2	v\a\().8h, v\b\().4s
	xtn	v\a\().8b, v\a\().8h
	str	d\a, [x6], #8
	.endm

// EIGHTF: (6) for the sums of eight rows.
	.macro	EIGHTF a, b
	ldp	q16, q17, [x4], #32
	scvtf	v\a\().4s, v\a\().4s
	scvtf	v\b\().4s, v\b\().4s
	fmul	v\a\().4s, v\a\().4s, v16.4s
	fmul	v\b\().4s, v\b\().4s, v17.4s
	stp	q\a, q\b, [x6], #32
	.endm

	.globl	runSDOT
runSDOT:
	CONSTANTS

layer:
	LAYER
	cmp	x8, #32
	b.lt	block8

block32:
	ldp	q0, q1, [x3], #32
	ldp	q2, q3, [x3], #32
	ldp	q4, q5, [x3], #32
	ldp	q6, q7, [x3], #32
	mov	x10, x5
	mov	x11, x7

inputs32:
	ldr	q8, [x10], #16
	subs	x11, x11, #16
	FOUR	0
	FOUR	1
	FOUR	2
	FOUR	3
	b.ne	inputs32

	tbnz	w9, #bit_float, float32
	EIGHT	0, 1
	EIGHT	2, 3
	EIGHT	4, 5
	EIGHT	6, 7
	b	next32

float32:
	EIGHTF	0, 1
	EIGHTF	2, 3
	EIGHTF	4, 5
	EIGHTF	6, 7

next32:
	sub	x8, x8, #32
	cmp	x8, #32
	b.ge	block32

block8:
	cbz	x8, next
	ldp	q0, q1, [x3], #32
	movi	v2.4s, #0
	movi	v3.4s, #0
	mov	x10, x5
	mov	x11, x7

inputs8:
	ldr	q8, [x10], #16
	ldp	q16, q17, [x2], #32
	ldp	q18, q19, [x2], #32
	ldp	q20, q21, [x2], #32
	ldp	q22, q23, [x2], #32
	subs	x11, x11, #16
	sdot	v0.4s, v16.16b, v8.4b[0]
	sdot	v1.4s, v17.16b, v8.4b[0]
	sdot	v2.4s, v18.16b, v8.4b[1]
	sdot	v3.4s, v19.16b, v8.4b[1]
	sdot	v0.4s, v20.16b, v8.4b[2]
	sdot	v1.4s, v21.16b, v8.4b[2]
	sdot	v2.4s, v22.16b, v8.4b[3]
	sdot	v3.4s, v23.16b, v8.4b[3]
	b.ne	inputs8

	add	v0.4s, v0.4s, v2.4s
	add	v1.4s, v1.4s, v3.4s
	sub	x8, x8, #8
	tbnz	w9, #bit_float, float8
	EIGHT	0, 1
	b	block8

float8:
	EIGHTF	0, 1
	b	block8

next:
	add	x0, x0, #job_size
	subs	x1, x1, #1
	b.ne	layer
	ret
