// The loops that MeasureLimits times; see quant/limits.go.
//
//	r0 steps, or where to read   r1 bytes

	.syntax	unified
	.arch	armv7-a
	.fpu	neon

	.globl	chainARM
chainARM:
	mov	r1, #1
chain:
	.rept	16
	add	r1, r1, r1
	.endr
	subs	r0, r0, #1
	bne	chain
	bx	lr

// 64 multiply-accumulates as the inner loop of runNEON does them.
	.globl	peakNEON
peakNEON:
	vmov.i32	q4, #0
	vmov.i32	q8, #0
	vmov.i32	q0, #0
	vmov.i32	q1, #0
	vmov.i32	q2, #0
	vmov.i32	q3, #0
neon:
	vmull.s8	q12, d16, d8
	vmull.s8	q13, d16, d8
	vmull.s8	q14, d16, d8
	vmull.s8	q15, d16, d8
	vmlal.s8	q12, d17, d9
	vmlal.s8	q13, d17, d9
	vmlal.s8	q14, d17, d9
	vmlal.s8	q15, d17, d9
	vpadal.s16	q0, q12
	vpadal.s16	q1, q13
	vpadal.s16	q2, q14
	vpadal.s16	q3, q15
	subs	r0, r0, #1
	bne	neon
	bx	lr

	.globl	streamNEON
streamNEON:
read:
	.rept	8
	vld1.8	{d0-d3}, [r0]!
	.endr
	subs	r1, r1, #256
	bne	read
	bx	lr
