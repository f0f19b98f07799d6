#include "go_asm.h"
#include "textflag.h"

// SPREAD makes every bit the parity of itself and the n bits below it.
#define SPREAD(n) \
	VPSLLQ $n, Y5, Y6 \
	VPXOR  Y6, Y5, Y5

// LANE moves the words up by one; the lowest comes from the top of last.
#define LANE(set, last, to) \
	VPERM2I128 $0x21, set, last, to \
	VPALIGNR   $8, to, set, to

// BEHIND moves a set up by one place, over the borders of words.
#define BEHIND(set, last, to) \
	LANE(set, last, to)      \
	VPSRLQ $63, to, to       \
	VPSLLQ $1, set, Y15      \
	VPOR   Y15, to, to

// LEAVE stores the topmost word, for the next block to go on from.
#define LEAVE(last, low, at) \
	VPERMQ $0xff, last, last \
	VMOVQ  low, at(DI)

// func findAVX2(s *sets, from, groups int) int
TEXT ·findAVX2(SB), NOSPLIT, $0-32
	MOVQ         s+0(FP), DI
	MOVQ         from+8(FP), SI
	MOVQ         groups+16(FP), CX
	VPBROADCASTQ sets_inString(DI), Y8
	VPBROADCASTQ sets_operators(DI), Y9
	VPBROADCASTQ sets_openings(DI), Y10
	VPBROADCASTQ sets_scalars(DI), Y11
	VPCMPEQQ     Y12, Y12, Y12
	VPXOR        Y13, Y13, Y13

group:
	VMOVDQU    sets_low(DI)(SI*8), Y0
	VMOVDQU    sets_mid(DI)(SI*8), Y1
	VMOVDQU    sets_high(DI)(SI*8), Y2
	VPOR       Y0, Y2, Y3
	VPANDN     Y1, Y3, Y3                       // quotes
	VPOR       Y1, Y2, Y4
	VPANDN     Y0, Y4, Y4                       // what is special
	VMOVDQU    Y3, sets_quotes(DI)(SI*8)
	VMOVDQA    Y3, Y5
	SPREAD(1)
	SPREAD(2)
	SPREAD(4)
	SPREAD(8)
	SPREAD(16)
	SPREAD(32)
	VPCMPGTQ   Y5, Y13, Y6                      // words with an odd number of quotes
	LANE(Y6, Y13, Y7)
	VPXOR      Y7, Y6, Y6
	VPERM2I128 $0x08, Y6, Y6, Y7
	VPXOR      Y7, Y6, Y6                       // an odd number up to the end of the word
	LANE(Y6, Y13, Y7)
	VPXOR      Y8, Y7, Y7                       // and up to its start
	VPXOR      Y7, Y5, Y5                       // inside of strings
	VPERMQ     $0xff, Y6, Y6
	VPXOR      Y8, Y6, Y6                       // the same at the end of the group
	VPOR       Y5, Y3, Y7
	VPANDN     Y12, Y7, Y7                      // outside
	VPAND      Y3, Y5, Y3                       // quotes that open a string
	VPAND      Y2, Y7, Y2                       // structure
	VPXOR      Y2, Y7, Y5                       // scalars
	VPAND      Y1, Y5, Y14                      // spaces
	VPOR       Y14, Y4, Y4
	VMOVDQU    Y7, sets_outside(DI)(SI*8)
	VPOR       Y0, Y1, Y14
	VPANDN     Y2, Y14, Y14
	VMOVDQU    Y14, sets_commas(DI)(SI*8)
	VPAND      Y0, Y2, Y14
	VPANDN     Y14, Y1, Y14
	VMOVDQU    Y14, sets_colons(DI)(SI*8)
	VPAND      Y1, Y2, Y1
	VMOVDQU    Y1, sets_brackets(DI)(SI*8)
	VPAND      Y0, Y1, Y0                       // closing brackets
	VPXOR      Y0, Y1, Y1                       // opening brackets
	VPXOR      Y0, Y2, Y14                      // operators
	BEHIND(Y5, Y11, Y7)
	VPANDN     Y7, Y5, Y15
	VMOVDQU    Y15, sets_ends(DI)(SI*8)
	VPANDN     Y5, Y7, Y7
	VMOVDQU    Y7, sets_starts(DI)(SI*8)
	VPOR       Y7, Y3, Y3
	VPOR       Y1, Y3, Y3                       // starts of values and names
	BEHIND(Y14, Y9, Y7)
	VPXOR      Y3, Y7, Y7
	VPOR       Y2, Y3, Y3
	VPAND      Y7, Y3, Y3                       // tokens out of place
	BEHIND(Y1, Y10, Y7)
	VPAND      Y0, Y7, Y7
	VMOVDQU    Y7, sets_empties(DI)(SI*8)
	VPANDN     Y3, Y7, Y3                       // but for ends of empty containers
	VPOR       Y3, Y4, Y4
	VPTEST     Y4, Y4
	JNZ        leave
	VMOVDQA    Y6, Y8
	VMOVDQA    Y14, Y9
	VMOVDQA    Y1, Y10
	VMOVDQA    Y5, Y11
	ADDQ       $4, SI
	DECQ       CX
	JNZ        group

leave:
	LEAVE(Y8, X8, sets_inString)
	LEAVE(Y9, X9, sets_operators)
	LEAVE(Y10, X10, sets_openings)
	LEAVE(Y11, X11, sets_scalars)
	VZEROUPPER
	MOVQ SI, ret+24(FP)
	RET
