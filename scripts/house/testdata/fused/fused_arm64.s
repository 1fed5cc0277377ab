#include "textflag.h"

TEXT ·Vector(SB), NOSPLIT, $0-0
	VFMLA V0.S4, V1.S4, V2.S4
	RET
