#include "textflag.h"

DATA bytes<>+0(SB)/8, $0x220a2f40e02b3d25
DATA bytes<>+8(SB)/1, $0x5c
GLOBL bytes<>(SB), RODATA|NOPTR, $9

// out has a bit for each byte of in that may be a digit of base64 or hex, but
// small letters.
#define DIGITS(in, out) \
	VPAND     in, Y9, Y2  \
	VPCMPEQB  Y2, Y10, Y2 \
	VPSUBB    Y7, in, Y3  \
	VPMINUB   Y3, Y8, Y4  \
	VPCMPEQB  Y3, Y4, Y3  \
	VPCMPEQB  in, Y6, Y4  \
	VPOR      Y2, Y3, Y2  \
	VPOR      Y2, Y4, Y2  \
	VPMOVMSKB Y2, out

// func indexBlocks(p *byte, n, tail int, quotes *uint16, digits *uint64) (read, found, signs int)
TEXT ·indexBlocks(SB), NOSPLIT, $0-64
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), R8
	MOVQ quotes+24(FP), R10
	XORL R11, R11 // bytes read
	XORL DI, DI   // signs
	XORL CX, CX   // bytes of a block that are before p

	// Each of the bytes that are looked for, 32 times.
	VPBROADCASTB bytes<>+7(SB), Y12 // "
	VPBROADCASTB bytes<>+8(SB), Y13 // the backslash
	VPBROADCASTB bytes<>+0(SB), Y14 // %
	VPBROADCASTB bytes<>+1(SB), Y11 // =
	VPBROADCASTB bytes<>+2(SB), Y6  // +
	VPBROADCASTB bytes<>+3(SB), Y9  // the bits of
	VPBROADCASTB bytes<>+4(SB), Y10 // @ to _
	VPBROADCASTB bytes<>+5(SB), Y7  // / and
	VPBROADCASTB bytes<>+6(SB), Y8  // the digits

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

	DIGITS(Y0, AX)
	DIGITS(Y1, BX)
	SHLQ $32, BX
	ORQ  BX, AX
	SHRQ CX, AX
	MOVQ digits+32(FP), DX
	MOVQ R11, BX
	SHRQ $3, BX
	MOVQ AX, (DX)(BX*1)

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
	JZ      none
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

	MOVQ R13, R10 // go on behind the last of them

none:
	ADDQ  $64, R11
	ADDQ  $64, SI
	TESTQ R9, R9
	JNZ   done
	TESTQ R8, R8
	JNZ   next

done:
	VZEROUPPER
	SHRQ $6, R11
	MOVQ R11, read+40(FP)
	SUBQ quotes+24(FP), R10
	SHRQ $1, R10
	MOVQ R10, found+48(FP)
	MOVL $64, CX
	SUBQ R11, CX
	SHRQ CX, DI
	MOVQ DI, signs+56(FP)
	RET

#define COUNT \
	VPCMPEQB Y0, Y14, Y1 \
	VPOR     Y1, Y5, Y5  \
	VPCMPEQB Y0, Y11, Y1 \
	VPOR     Y1, Y5, Y5  \
	DIGITS(Y0, AX)       \
	POPCNTL  AX, AX      \
	ADDL     AX, DI

// func surveyText(p *byte, n int) (digits int, signs bool)
TEXT ·surveyText(SB), NOSPLIT, $0-25
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	XORL DI, DI
	LEAQ -32(SI)(CX*1), DX // the last 32 bytes

	VPBROADCASTB bytes<>+0(SB), Y14
	VPBROADCASTB bytes<>+1(SB), Y11
	VPBROADCASTB bytes<>+2(SB), Y6
	VPBROADCASTB bytes<>+3(SB), Y9
	VPBROADCASTB bytes<>+4(SB), Y10
	VPBROADCASTB bytes<>+5(SB), Y7
	VPBROADCASTB bytes<>+6(SB), Y8
	VPXOR        Y5, Y5, Y5

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
	VPMOVMSKB Y5, AX
	TESTL     AX, AX
	SETNE     signs+24(FP)
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
