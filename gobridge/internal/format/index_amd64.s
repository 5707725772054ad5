#include "textflag.h"

// func indexBlocks(p *byte, n int, out *block, quotes *uint16) (read, found int)
TEXT ·indexBlocks(SB), NOSPLIT, $0-48
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ out+16(FP), DI
	MOVQ quotes+24(FP), R10
	MOVQ CX, R8
	XORL R11, R11

	// Each of the bytes that are looked for, 16 times.
	MOVQ       $0x2222222222222222, AX
	MOVQ       AX, X12
	PUNPCKLQDQ X12, X12
	MOVQ       $0x5c5c5c5c5c5c5c5c, AX
	MOVQ       AX, X13
	PUNPCKLQDQ X13, X13
	MOVQ       $0x2525252525252525, AX
	MOVQ       AX, X14
	PUNPCKLQDQ X14, X14
	MOVQ       $0x3d3d3d3d3d3d3d3d, AX
	MOVQ       AX, X11
	PUNPCKLQDQ X11, X11

next:
	MOVOU 0(SI), X0
	MOVOU 16(SI), X1
	MOVOU 32(SI), X2
	MOVOU 48(SI), X3

	// % or =, anywhere
	MOVO     X0, X4
	MOVO     X1, X5
	MOVO     X2, X6
	MOVO     X3, X7
	PCMPEQB  X14, X4
	PCMPEQB  X14, X5
	PCMPEQB  X14, X6
	PCMPEQB  X14, X7
	POR      X5, X4
	POR      X7, X6
	POR      X6, X4
	MOVO     X0, X8
	MOVO     X1, X9
	MOVO     X2, X10
	MOVO     X3, X5
	PCMPEQB  X11, X8
	PCMPEQB  X11, X9
	PCMPEQB  X11, X10
	PCMPEQB  X11, X5
	POR      X9, X8
	POR      X5, X10
	POR      X10, X8
	POR      X8, X4
	PMOVMSKB X4, AX
	MOVQ     AX, 8(DI)

	MOVO     X0, X4
	MOVO     X1, X5
	MOVO     X2, X6
	MOVO     X3, X7
	PCMPEQB  X12, X4
	PCMPEQB  X12, X5
	PCMPEQB  X12, X6
	PCMPEQB  X12, X7
	PMOVMSKB X4, AX
	PMOVMSKB X5, BX
	PMOVMSKB X6, DX
	PMOVMSKB X7, R9
	SHLQ     $16, BX
	SHLQ     $32, DX
	SHLQ     $48, R9
	ORQ      BX, AX
	ORQ      DX, R9
	ORQ      R9, AX

	PCMPEQB  X13, X0
	PCMPEQB  X13, X1
	PCMPEQB  X13, X2
	PCMPEQB  X13, X3
	PMOVMSKB X0, R9
	PMOVMSKB X1, BX
	PMOVMSKB X2, DX
	PMOVMSKB X3, R12
	SHLQ     $16, BX
	SHLQ     $32, DX
	SHLQ     $48, R12
	ORQ      BX, R9
	ORQ      DX, R12
	ORQ      R12, R9
	MOVQ     R9, 0(DI)

	// What is behind a backslash does not count.
	LEAQ  -1(R9), DX
	NOTQ  R9
	ANDQ  R9, DX // all bits below it, or all
	ANDQ  DX, AX
	MOVQ  AX, R12
	MOVQ  R10, R13

quotes:
	TZCNTQ AX, BX
	LEAQ   -1(AX), DX
	ANDQ   DX, AX
	ADDL   R11, BX
	MOVW   BX, 0(R10)
	TZCNTQ AX, BX
	LEAQ   -1(AX), DX
	ANDQ   DX, AX
	ADDL   R11, BX
	MOVW   BX, 2(R10)
	TZCNTQ AX, BX
	LEAQ   -1(AX), DX
	ANDQ   DX, AX
	ADDL   R11, BX
	MOVW   BX, 4(R10)
	TZCNTQ AX, BX
	LEAQ   -1(AX), DX
	ANDQ   DX, AX
	ADDL   R11, BX
	MOVW   BX, 6(R10)
	TZCNTQ AX, BX
	LEAQ   -1(AX), DX
	ANDQ   DX, AX
	ADDL   R11, BX
	MOVW   BX, 8(R10)
	TZCNTQ AX, BX
	LEAQ   -1(AX), DX
	ANDQ   DX, AX
	ADDL   R11, BX
	MOVW   BX, 10(R10)
	TZCNTQ AX, BX
	LEAQ   -1(AX), DX
	ANDQ   DX, AX
	ADDL   R11, BX
	MOVW   BX, 12(R10)
	TZCNTQ AX, BX
	LEAQ   -1(AX), DX
	ANDQ   DX, AX
	ADDL   R11, BX
	MOVW   BX, 14(R10)
	ADDQ  $16, R10
	TESTQ AX, AX
	JNZ   quotes

	// Go on behind the last of them: so many bits are set.
	MOVQ  R12, AX
	SHRQ  $1, AX
	MOVQ  $0x5555555555555555, BX
	ANDQ  BX, AX
	SUBQ  AX, R12
	MOVQ  $0x3333333333333333, BX
	MOVQ  R12, AX
	SHRQ  $2, AX
	ANDQ  BX, R12
	ANDQ  BX, AX
	ADDQ  AX, R12
	MOVQ  R12, AX
	SHRQ  $4, AX
	ADDQ  AX, R12
	MOVQ  $0x0f0f0f0f0f0f0f0f, BX
	ANDQ  BX, R12
	MOVQ  $0x0101010101010101, BX
	IMULQ BX, R12
	SHRQ  $56, R12
	LEAQ  (R13)(R12*2), R10

	ADDQ  $64, R11
	ADDQ  $64, SI
	DECQ  CX
	ADDQ  $16, DI
	INCQ  R9 // 0: there was no backslash
	JNZ   done
	TESTQ CX, CX
	JNZ   next

done:
	SUBQ CX, R8
	MOVQ R8, read+32(FP)
	SUBQ quotes+24(FP), R10
	SHRQ $1, R10
	MOVQ R10, found+40(FP)
	RET
