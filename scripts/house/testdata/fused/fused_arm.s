#include "textflag.h"

TEXT ·Vector(SB), NOSPLIT, $0-0
	WORD $0xf2020c54 // vfma.f32 q0, q1, q2
	RET
