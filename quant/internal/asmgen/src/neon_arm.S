// Dense layers for 32-bit Arm with NEON (Armv7-A, HWCAP NEON).
//
// Blocks and products are those of smull_arm64.S: four rows, sixteen inputs.
// NEON flushes subnormal numbers to zero; bound (8) of package quant excludes them. It has
// no conversion that rounds to even, but adding 2^23 to 0 ... 127 does, and the integer is
// the low byte of the sum.
//
//	r0 job    r1 jobs left   r2 weights   r3 bias   r4 mult   r5 src
//	r6 dst    r7 inputs      r8 rows left r9 flags  r11 src now  r12 inputs left
//	q0-q3 sums   q4 activations   q5 2^23   q6 127.0   q7 zero
//	q8-q11 weights   q12-q15 products

	.syntax	unified
	.arch	armv7-a
	.fpu	neon

// The fields of quant's job on 32 bits; TestJobLayout checks the offsets.
	.equ	job_size, 40
	.equ	flag_float, 2

	.globl	runNEON
runNEON:
	mov	r12, #0x4b000000
	vdup.32	q5, r12
	mov	r12, #0x42000000
	orr	r12, r12, #0x00fe0000
	vdup.32	q6, r12
	vmov.i32	q7, #0

layer:
	ldr	r2, [r0]
	ldr	r3, [r0, #4]
	ldr	r4, [r0, #8]
	ldr	r5, [r0, #12]
	ldr	r6, [r0, #16]
	ldr	r7, [r0, #20]
	ldr	r8, [r0, #24]
	ldr	r9, [r0, #28]

block:
	vmov.i32	q0, #0
	vmov.i32	q1, #0
	vmov.i32	q2, #0
	vmov.i32	q3, #0
	mov	r11, r5
	mov	r12, r7

inputs:
	vld1.8	{d8-d9}, [r11]!
	vld1.8	{d16-d19}, [r2]!
	vld1.8	{d20-d23}, [r2]!
	subs	r12, r12, #16
	vmull.s8	q12, d16, d8
	vmull.s8	q13, d18, d8
	vmull.s8	q14, d20, d8
	vmull.s8	q15, d22, d8
	vmlal.s8	q12, d17, d9
	vmlal.s8	q13, d19, d9
	vmlal.s8	q14, d21, d9
	vmlal.s8	q15, d23, d9
	vpadal.s16	q0, q12
	vpadal.s16	q1, q13
	vpadal.s16	q2, q14
	vpadal.s16	q3, q15
	bne	inputs

	vld1.32	{d16-d17}, [r3]!
	vld1.32	{d18-d19}, [r4]!
	vpadd.i32	d0, d0, d1
	vpadd.i32	d2, d2, d3
	vpadd.i32	d4, d4, d5
	vpadd.i32	d6, d6, d7
	vpadd.i32	d0, d0, d2
	vpadd.i32	d1, d4, d6
	vadd.i32	q0, q0, q8
	tst	r9, #flag_float
	bne	last

	vmax.s32	q0, q0, q7
	vcvt.f32.s32	q0, q0
	vmul.f32	q0, q0, q9
	vmin.f32	q0, q0, q6
	vadd.f32	q0, q0, q5
	vmovn.i32	d0, q0
	vmovn.i16	d0, q0
	vst1.32	{d0[0]}, [r6]!
	subs	r8, r8, #4
	bne	block
	b	next

last:
	vcvt.f32.s32	q0, q0
	vmul.f32	q0, q0, q9
	vst1.32	{d0-d1}, [r6]!
	subs	r8, r8, #4
	bne	block

next:
	add	r0, r0, #job_size
	subs	r1, r1, #1
	bne	layer
	bx	lr
