#include "go_asm.h"
#include "textflag.h"

// The class of a byte comes from its two halves. Each half looks up a byte; the
// two are combined by AND, which leaves a number below 16 that tells the classes
// apart; a third table turns that number into the class, in the top three bits.
// VPSHUFB gives 0 where the top bit of its index is set: so bytes beyond ASCII,
// whose lower half is looked up by the whole byte, come out as 0, class other.
//
//	low half    0  2  A  B  C  D  others
//	gives       6  7 14  4 15  5  0       and the top bit, always
//	high half   2  3  5  7  others        0 and 1
//	gives      11  9 15  7  0             the top bit
//	number      2      3      4        5        8      11     15       others
//	class       space  quote  opening  closing  colon  comma  special  other
//
// Control characters, whose upper half is 0 or 1, are left with the top bit
// alone. They look up 0 in the third table, and the top bit is put back by OR: it
// is the lowest bit of the class, which makes them special.
DATA lowHalf<>+0(SB)/8, $0x8080808080878086
DATA lowHalf<>+8(SB)/8, $0x8080858f848e8080
GLOBL lowHalf<>(SB), RODATA|NOPTR, $16

DATA highHalf<>+0(SB)/8, $0x07000f00090b8080
DATA highHalf<>+8(SB)/8, $0
GLOBL highHalf<>(SB), RODATA|NOPTR, $16

DATA classOf<>+0(SB)/8, $0x0000e06040c00000
DATA classOf<>+8(SB)/8, $0x80000000200000a0
GLOBL classOf<>(SB), RODATA|NOPTR, $16

DATA nibble<>+0(SB)/1, $0x0f
GLOBL nibble<>(SB), RODATA|NOPTR, $1

// CLASSES leaves in text the class of each of its bytes.
#define CLASSES(text, temp) \
	VPSRLW  $4, text, temp   \
	VPAND   Y15, temp, temp  \
	VPSHUFB temp, Y13, temp  \
	VPSHUFB text, Y12, text  \
	VPAND   temp, text, text \
	VPSHUFB text, Y14, temp  \
	VPOR    temp, text, text

// PLANE stores the top bits of the two halves of a block.
#define PLANE(at) \
	VPMOVMSKB Y0, AX  \
	VPMOVMSKB Y1, BX  \
	SHLQ      $32, BX \
	ORQ       BX, AX  \
	MOVQ      AX, at(DI)

// func sortAVX2(s *sets, text *byte, blocks int)
TEXT ·sortAVX2(SB), NOSPLIT, $0-24
	MOVQ           s+0(FP), DI
	MOVQ           text+8(FP), SI
	MOVQ           blocks+16(FP), CX
	VBROADCASTI128 lowHalf<>(SB), Y12
	VBROADCASTI128 highHalf<>(SB), Y13
	VBROADCASTI128 classOf<>(SB), Y14
	VPBROADCASTB   nibble<>(SB), Y15

block:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	CLASSES(Y0, Y2)
	CLASSES(Y1, Y3)
	PLANE(sets_low)
	VPADDB  Y0, Y0, Y0      // the next bit becomes the top one
	VPADDB  Y1, Y1, Y1
	PLANE(sets_mid)
	VPADDB  Y0, Y0, Y0
	VPADDB  Y1, Y1, Y1
	PLANE(sets_high)
	ADDQ    $64, SI
	ADDQ    $8, DI
	DECQ    CX
	JNZ     block
	VZEROUPPER
	RET

// SPOT stores the place of the first bit and takes the bit out of the set.
#define SPOT(at) \
	TZCNTQ AX, BX               \
	ADDL   R8, BX               \
	MOVW   BX, sets_spots+at(R9) \
	BLSRQ  AX, AX

// func spotsBMI(s *sets, blocks int) int
TEXT ·spotsBMI(SB), NOSPLIT, $0-24
	MOVQ s+0(FP), DI
	MOVQ blocks+8(FP), CX
	MOVQ DI, R9
	XORL SI, SI
	XORL R8, R8

block:
	MOVQ    sets_starts(DI)(SI*8), AX
	POPCNTQ AX, DX
	SPOT(0)                     // most blocks have no more than two
	SPOT(2)
	TESTQ   AX, AX
	JZ      full
	MOVQ    R9, R10

more:
	SPOT(4)
	ADDQ  $2, R9
	TESTQ AX, AX
	JNZ   more
	MOVQ  R10, R9

full:
	LEAQ (R9)(DX*2), R9
	ADDL $64, R8
	INCQ SI
	CMPQ SI, CX
	JNE  block
	SUBQ DI, R9
	SHRQ $1, R9
	MOVQ R9, ret+16(FP)
	RET
