#include "textflag.h"

// func indexBlocks(p *byte, n, tail int, quotes *uint16) (read, found, signs int)
TEXT ·indexBlocks(SB), NOSPLIT, $0-56
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), R8
	MOVQ quotes+24(FP), R10
	XORL R11, R11 // bytes read
	XORL DI, DI   // signs
	XORL CX, CX   // bytes of a block that are before p

	// Each of the bytes that are looked for, 32 times.
	MOVL         $0x22, AX
	VMOVD        AX, X12
	VPBROADCASTB X12, Y12
	MOVL         $0x5c, AX
	VMOVD        AX, X13
	VPBROADCASTB X13, Y13
	MOVL         $0x25, AX
	VMOVD        AX, X14
	VPBROADCASTB X14, Y14
	MOVL         $0x3d, AX
	VMOVD        AX, X11
	VPBROADCASTB X11, Y11

next:
	DECQ R8
	JNZ  whole
	MOVL $64, CX
	SUBQ tail+16(FP), CX
	SUBQ CX, SI

whole:
	VMOVDQU 0(SI), Y0
	VMOVDQU 32(SI), Y1

	// % or =, anywhere
	VPCMPEQB  Y0, Y14, Y2
	VPCMPEQB  Y1, Y14, Y3
	VPCMPEQB  Y0, Y11, Y4
	VPCMPEQB  Y1, Y11, Y5
	VPOR      Y2, Y3, Y2
	VPOR      Y4, Y5, Y4
	VPOR      Y2, Y4, Y2
	VPMOVMSKB Y2, AX
	NEGQ      AX
	RCRQ      $1, DI // the carry: there are some

	VPCMPEQB  Y0, Y12, Y2
	VPCMPEQB  Y1, Y12, Y3
	VPMOVMSKB Y2, AX
	VPMOVMSKB Y3, BX
	SHLQ      $32, BX
	ORQ       BX, AX
	SHRQ      CX, AX

	VPCMPEQB  Y0, Y13, Y2
	VPCMPEQB  Y1, Y13, Y3
	VPMOVMSKB Y2, R9
	VPMOVMSKB Y3, BX
	SHLQ      $32, BX
	ORQ       BX, R9
	SHRQ      CX, R9

	// What is behind a backslash does not count.
	LEAQ    -1(R9), DX
	ANDNQ   DX, R9, DX
	ANDQ    DX, AX
	POPCNTQ AX, R12
	LEAQ    (R10)(R12*2), R13

quotes:
	TZCNTQ AX, BX
	BLSRQ  AX, AX
	ADDL   R11, BX
	MOVW   BX, 0(R10)
	TZCNTQ AX, BX
	BLSRQ  AX, AX
	ADDL   R11, BX
	MOVW   BX, 2(R10)
	TZCNTQ AX, BX
	BLSRQ  AX, AX
	ADDL   R11, BX
	MOVW   BX, 4(R10)
	TZCNTQ AX, BX
	BLSRQ  AX, AX
	ADDL   R11, BX
	MOVW   BX, 6(R10)
	TZCNTQ AX, BX
	BLSRQ  AX, AX
	ADDL   R11, BX
	MOVW   BX, 8(R10)
	TZCNTQ AX, BX
	BLSRQ  AX, AX
	ADDL   R11, BX
	MOVW   BX, 10(R10)
	TZCNTQ AX, BX
	BLSRQ  AX, AX
	ADDL   R11, BX
	MOVW   BX, 12(R10)
	TZCNTQ AX, BX
	BLSRQ  AX, AX
	ADDL   R11, BX
	MOVW   BX, 14(R10)
	ADDQ  $16, R10
	TESTQ AX, AX
	JNZ   quotes

	MOVQ  R13, R10 // go on behind the last of them
	ADDQ  $64, R11
	ADDQ  $64, SI
	TESTQ R9, R9
	JNZ   done
	TESTQ R8, R8
	JNZ   next

done:
	VZEROUPPER
	SHRQ $6, R11
	MOVQ R11, read+32(FP)
	SUBQ quotes+24(FP), R10
	SHRQ $1, R10
	MOVQ R10, found+40(FP)
	MOVL $64, CX
	SUBQ R11, CX
	SHRQ CX, DI
	MOVQ DI, signs+48(FP)
	RET

#define COUNT \
	VPCMPEQB  Y0, Y8, Y1      \
	VPOR      Y1, Y7, Y7      \
	VPCMPEQB  Y0, Y9, Y1      \
	VPOR      Y1, Y7, Y7      \
	VPAND     Y0, Y10, Y1     \
	VPCMPEQB  Y1, Y11, Y1     \
	VPSUBB    Y12, Y0, Y2     \
	VPMINUB   Y2, Y13, Y3     \
	VPCMPEQB  Y2, Y3, Y2      \
	VPCMPEQB  Y0, Y14, Y3     \
	VPOR      Y1, Y2, Y1      \
	VPOR      Y1, Y3, Y1      \
	VPMOVMSKB Y1, AX          \
	POPCNTL   AX, AX          \
	ADDL      AX, DI

DATA bytes<>+0(SB)/8, $0x0a2f40e02b3d25
GLOBL bytes<>(SB), RODATA|NOPTR, $8

// func surveyText(p *byte, n int) (digits int, signs bool)
TEXT ·surveyText(SB), NOSPLIT, $0-25
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	XORL DI, DI
	LEAQ -32(SI)(CX*1), DX // the last 32 bytes

	VPBROADCASTB bytes<>+0(SB), Y8  // %
	VPBROADCASTB bytes<>+1(SB), Y9  // =
	VPBROADCASTB bytes<>+2(SB), Y14 // +
	VPBROADCASTB bytes<>+3(SB), Y10 // the bits of
	VPBROADCASTB bytes<>+4(SB), Y11 // @ to _
	VPBROADCASTB bytes<>+5(SB), Y12 // / and
	VPBROADCASTB bytes<>+6(SB), Y13 // the digits
	VPXOR        Y7, Y7, Y7

	CMPQ SI, DX
	JAE  last

more:
	VMOVDQU 0(SI), Y0
	COUNT
	ADDQ    $32, SI
	CMPQ    SI, DX
	JB      more

last:
	VMOVDQU 0(DX), Y0
	COUNT
	VPMOVMSKB Y7, AX
	TESTL   AX, AX
	SETNE   signs+24(FP)
	MOVQ    DI, digits+16(FP)
	VZEROUPPER
	RET

// func cpuid(leaf uint32) (b, c uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-16
	MOVL leaf+0(FP), AX
	XORL CX, CX
	CPUID
	MOVL BX, b+8(FP)
	MOVL CX, c+12(FP)
	RET

// func xgetbv() uint32
TEXT ·xgetbv(SB), NOSPLIT, $0-4
	XORL CX, CX
	XGETBV
	MOVL AX, ret+0(FP)
	RET
