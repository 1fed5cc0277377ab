// Equation (9), one strip of columns at a time: 16 columns, or 8 or 4 if there are fewer.
// The last strip ends at the last column and may overlap the one before. Products and sums
// are rounded separately: no fused instruction.
//
//	x0 dst   x1 rows   x2 weights   x3 columns, then bytes a row   x4 rows
//	x5 offset of the strip   x6 its bytes   x7 row now   x8 weight now
//	x9 rows left   v0-v3 sums   v4 weight   v16-v19 products

	.text
	.globl	sumRowsNEON
sumRowsNEON:
	lsl	x3, x3, #2
	mov	x5, #0
	mov	x6, #64
	cmp	x3, x6
	b.ge	strip
	mov	x6, #32
	cmp	x3, x6
	b.ge	strip
	mov	x6, #16

strip:
	add	x7, x1, x5
	mov	x8, x2
	mov	x9, x4
	movi	v0.4s, #0
	movi	v1.4s, #0
	movi	v2.4s, #0
	movi	v3.4s, #0
	add	x10, x0, x5
	cmp	x6, #32
	b.eq	step8
	b.lt	step4

step16:
	ld1r	{v4.4s}, [x8], #4
	ldp	q16, q17, [x7]
	ldp	q18, q19, [x7, #32]
	add	x7, x7, x3
	fmul	v16.4s, v16.4s, v4.4s
	fmul	v17.4s, v17.4s, v4.4s
	fmul	v18.4s, v18.4s, v4.4s
	fmul	v19.4s, v19.4s, v4.4s
	fadd	v0.4s, v0.4s, v16.4s
	fadd	v1.4s, v1.4s, v17.4s
	fadd	v2.4s, v2.4s, v18.4s
	fadd	v3.4s, v3.4s, v19.4s
	subs	x9, x9, #1
	b.ne	step16
	stp	q0, q1, [x10]
	stp	q2, q3, [x10, #32]
	b	next

step8:
	ld1r	{v4.4s}, [x8], #4
	ldp	q16, q17, [x7]
	add	x7, x7, x3
	fmul	v16.4s, v16.4s, v4.4s
	fmul	v17.4s, v17.4s, v4.4s
	fadd	v0.4s, v0.4s, v16.4s
	fadd	v1.4s, v1.4s, v17.4s
	subs	x9, x9, #1
	b.ne	step8
	stp	q0, q1, [x10]
	b	next

step4:
	ld1r	{v4.4s}, [x8], #4
	ldr	q16, [x7]
	add	x7, x7, x3
	fmul	v16.4s, v16.4s, v4.4s
	fadd	v0.4s, v0.4s, v16.4s
	subs	x9, x9, #1
	b.ne	step4
	str	q0, [x10]

next:
	add	x5, x5, x6
	cmp	x5, x3
	b.eq	done
	sub	x10, x3, x6 // the beginning of the last strip
	cmp	x5, x10
	csel	x5, x5, x10, le
	b	strip

done:
	ret
