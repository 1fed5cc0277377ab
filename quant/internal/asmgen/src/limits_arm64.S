// The loops that MeasureLimits times; see quant/limits.go.
//
//	x0 steps, or where to read   x1 bytes

	.arch	armv8.2-a+dotprod

	.globl	chainARM64
chainARM64:
	mov	x1, #1
chain:
	.rept	16
	add	x1, x1, x1
	.endr
	subs	x0, x0, #1
	b.ne	chain
	ret

// 64 multiply-accumulates as the inner loop of runSMULL does them.
	.globl	peakSMULL
peakSMULL:
	movi	v4.4s, #0
	movi	v16.4s, #0
	movi	v0.4s, #0
	movi	v1.4s, #0
	movi	v2.4s, #0
	movi	v3.4s, #0
smull:
	smull	v20.8h, v16.8b, v4.8b
	smull	v21.8h, v16.8b, v4.8b
	smull	v22.8h, v16.8b, v4.8b
	smull	v23.8h, v16.8b, v4.8b
	smlal2	v20.8h, v16.16b, v4.16b
	smlal2	v21.8h, v16.16b, v4.16b
	smlal2	v22.8h, v16.16b, v4.16b
	smlal2	v23.8h, v16.16b, v4.16b
	sadalp	v0.4s, v20.8h
	sadalp	v1.4s, v21.8h
	sadalp	v2.4s, v22.8h
	sadalp	v3.4s, v23.8h
	subs	x0, x0, #1
	b.ne	smull
	ret

// 256 multiply-accumulates as the inner loop of runSDOT does them.
	.globl	peakSDOT
peakSDOT:
	movi	v16.4s, #0
	movi	v24.4s, #0
	movi	v0.4s, #0
	movi	v1.4s, #0
	movi	v2.4s, #0
	movi	v3.4s, #0
	movi	v4.4s, #0
	movi	v5.4s, #0
	movi	v6.4s, #0
	movi	v7.4s, #0
sdot:
	.rept	2
	sdot	v0.4s, v16.16b, v24.4b[0]
	sdot	v1.4s, v16.16b, v24.4b[0]
	sdot	v2.4s, v16.16b, v24.4b[0]
	sdot	v3.4s, v16.16b, v24.4b[0]
	sdot	v4.4s, v16.16b, v24.4b[0]
	sdot	v5.4s, v16.16b, v24.4b[0]
	sdot	v6.4s, v16.16b, v24.4b[0]
	sdot	v7.4s, v16.16b, v24.4b[0]
	.endr
	subs	x0, x0, #1
	b.ne	sdot
	ret

	.globl	streamARM64
streamARM64:
read:
	.rept	8
	ldp	q0, q1, [x0], #32
	.endr
	subs	x1, x1, #256
	b.ne	read
	ret
