// The layers of sdot_arm64.S for four windows at once. Each weight that is loaded is used
// for all windows, which have sums of their own. Window w reads at src + w*srcStep and
// writes at dst + w*dstStep.
//
// A block of 32 rows is computed in two halves of 16, which need sixteen sums.
//
//	x0 job    x1 jobs left    x2 weights   x3 bias    x4 mult   x5 src
//	x6 dst    x7 inputs       x8 rows left x9 flags   x10 src now
//	x11 inputs left   x12 weights now   x13 srcStep, x16, x17 two and three of it
//	x14 dstStep       x15 dst now       x19 halves left
//	v0-v15 sums, four a window   v16-v23 weights, v20-v23 multipliers
//	v24-v27 activations   v29 127.0   v30 zero

	.arch	armv8.2-a+dotprod
	.include "job_arm64.inc"

	.macro	ACTIVATIONS
	ldr	q24, [x10]
	ldr	q25, [x10, x13]
	ldr	q26, [x10, x16]
	ldr	q27, [x10, x17]
	add	x10, x10, #16
	.endm

// WINDOW: four rows times four of input \e of one window.
	.macro	WINDOW a, b, c, d, x, e
	sdot	v\a\().4s, v16.16b, v\x\().4b[\e]
	sdot	v\b\().4s, v17.16b, v\x\().4b[\e]
	sdot	v\c\().4s, v18.16b, v\x\().4b[\e]
	sdot	v\d\().4s, v19.16b, v\x\().4b[\e]
	.endm

// FOUR: four inputs, element \e of the activations, for 16 rows of all windows.
	.macro	FOUR e
	ldp	q16, q17, [x12]
	ldp	q18, q19, [x12, #32]
	add	x12, x12, #128
	WINDOW	0, 1, 2, 3, 24, \e
	WINDOW	4, 5, 6, 7, 25, \e
	WINDOW	8, 9, 10, 11, 26, \e
	WINDOW	12, 13, 14, 15, 27, \e
	.endm

// EIGHT: sixteen inputs for eight rows of one window; even fours go to \a and \b.
	.macro	EIGHT a, b, c, d, x
	sdot	v\a\().4s, v16.16b, v\x\().4b[0]
	sdot	v\b\().4s, v17.16b, v\x\().4b[0]
	sdot	v\c\().4s, v18.16b, v\x\().4b[1]
	sdot	v\d\().4s, v19.16b, v\x\().4b[1]
	sdot	v\a\().4s, v20.16b, v\x\().4b[2]
	sdot	v\b\().4s, v21.16b, v\x\().4b[2]
	sdot	v\c\().4s, v22.16b, v\x\().4b[3]
	sdot	v\d\().4s, v23.16b, v\x\().4b[3]
	.endm

// SCALE: (5) for four sums, up to integers.
	.macro	SCALE a, m
	smax	v\a\().4s, v\a\().4s, v30.4s
	scvtf	v\a\().4s, v\a\().4s
	fmul	v\a\().4s, v\a\().4s, v\m\().4s
	fmin	v\a\().4s, v\a\().4s, v29.4s
	fcvtns	v\a\().4s, v\a\().4s
	.endm

// STORE: (6) for four sums, up to the store.
	.macro	STORE a, m
	scvtf	v\a\().4s, v\a\().4s
	fmul	v\a\().4s, v\a\().4s, v\m\().4s
	.endm

	.macro	BYTES16 a, b, c, d
	SCALE	\a, 20
	SCALE	\b, 21
	SCALE	\c, 22
	SCALE	\d, 23
	xtn	v\a\().4h, v\a\().4s
	xtn2	v\a\().8h, v\b\().4s
	xtn	v\c\().4h, v\c\().4s
	xtn2	v\c\().8h, v\d\().4s
	xtn	v\a\().8b, v\a\().8h
	xtn2	v\a\().16b, v\c\().8h
	str	q\a, [x15]
	add	x15, x15, x14
	.endm

	.macro	FLOATS16 a, b, c, d
	STORE	\a, 20
	STORE	\b, 21
	STORE	\c, 22
	STORE	\d, 23
	stp	q\a, q\b, [x15]
	stp	q\c, q\d, [x15, #32]
	add	x15, x15, x14
	.endm

	.macro	BYTES8 a, b
	SCALE	\a, 20
	SCALE	\b, 21
	xtn	v\a\().4h, v\a\().4s
	xtn2	v\a\().8h, v\b\().4s
	xtn	v\a\().8b, v\a\().8h
	str	d\a, [x15]
	add	x15, x15, x14
	.endm

	.macro	FLOATS8 a, b
	STORE	\a, 20
	STORE	\b, 21
	stp	q\a, q\b, [x15]
	add	x15, x15, x14
	.endm

	.macro	COPY d, s
	mov	v\d\().16b, v\s\().16b
	.endm

// COPIES: copies the initial sums of the first window to the others.
	.macro	COPIES
	COPY	4, 0
	COPY	5, 1
	COPY	6, 2
	COPY	7, 3
	COPY	8, 0
	COPY	9, 1
	COPY	10, 2
	COPY	11, 3
	COPY	12, 0
	COPY	13, 1
	COPY	14, 2
	COPY	15, 3
	.endm

	.macro	SUM a, b
	add	v\a\().4s, v\a\().4s, v\b\().4s
	.endm

	.globl	run4SDOT
run4SDOT:
	CONSTANTS

layer:
	LAYER
	ldp	x13, x14, [x0, #job_srcStep]
	lsl	x16, x13, #1
	add	x17, x16, x13
	cmp	x8, #32
	b.lt	block8

block32:
	mov	x19, #2

half:
	ldp	q0, q1, [x3], #32
	ldp	q2, q3, [x3], #32
	COPIES
	mov	x10, x5
	mov	x11, x7
	mov	x12, x2

inputs16:
	ACTIVATIONS
	subs	x11, x11, #16
	FOUR	0
	FOUR	1
	FOUR	2
	FOUR	3
	b.ne	inputs16

	mov	x15, x6
	ldp	q20, q21, [x4], #32
	ldp	q22, q23, [x4], #32
	tbnz	w9, #bit_float, float16
	BYTES16	0, 1, 2, 3
	BYTES16	4, 5, 6, 7
	BYTES16	8, 9, 10, 11
	BYTES16	12, 13, 14, 15
	add	x6, x6, #16
	b	next16

float16:
	FLOATS16	0, 1, 2, 3
	FLOATS16	4, 5, 6, 7
	FLOATS16	8, 9, 10, 11
	FLOATS16	12, 13, 14, 15
	add	x6, x6, #64

next16:
	add	x2, x2, #64
	subs	x19, x19, #1
	b.ne	half

	sub	x2, x12, #64
	sub	x8, x8, #32
	cmp	x8, #32
	b.ge	block32

block8:
	cbz	x8, next
	ldp	q0, q1, [x3], #32
	movi	v2.4s, #0
	movi	v3.4s, #0
	COPIES
	mov	x10, x5
	mov	x11, x7

inputs8:
	ACTIVATIONS
	ldp	q16, q17, [x2], #32
	ldp	q18, q19, [x2], #32
	ldp	q20, q21, [x2], #32
	ldp	q22, q23, [x2], #32
	subs	x11, x11, #16
	EIGHT	0, 1, 2, 3, 24
	EIGHT	4, 5, 6, 7, 25
	EIGHT	8, 9, 10, 11, 26
	EIGHT	12, 13, 14, 15, 27
	b.ne	inputs8

	SUM	0, 2
	SUM	1, 3
	SUM	4, 6
	SUM	5, 7
	SUM	8, 10
	SUM	9, 11
	SUM	12, 14
	SUM	13, 15
	mov	x15, x6
	ldp	q20, q21, [x4], #32
	sub	x8, x8, #8
	tbnz	w9, #bit_float, float8
	BYTES8	0, 1
	BYTES8	4, 5
	BYTES8	8, 9
	BYTES8	12, 13
	add	x6, x6, #8
	b	block8

float8:
	FLOATS8	0, 1
	FLOATS8	4, 5
	FLOATS8	8, 9
	FLOATS8	12, 13
	add	x6, x6, #32
	b	block8

next:
	add	x0, x0, #job_size
	subs	x1, x1, #1
	b.ne	layer
	ret
