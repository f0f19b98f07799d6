// Package splice takes the data out of a provider's answer while it streams
// by, without decoding it: the bytes of the data go to a writer untouched, but for
// those that are not UTF-8 and become U+FFFD each, and the few facts an envelope
// needs (rows, next cursor, total, the id of the last row) are picked up on the
// way. Memory is one buffer, whatever the page size.
//
// The scanner checks the whole grammar of JSON (RFC 8259) up to 512 levels, over
// the whole answer and however it comes in pieces, so that a body which breaks off
// or is no JSON is an error even when all of its data has passed. Where a name
// occurs twice in one object the first occurrence counts.
//
// How the scanner does that 64 bytes at a time is in docs/adr/0008-scan-by-sets.md:
//
//   - block.go sorts bytes into classes and keeps their places as sets of bits;
//   - tokens.go finds strings, brackets, separators and scalars in those sets, and
//     whether each stands where it may;
//   - scalar.go reads numbers and literals, walk.go the brackets, and the tokens of
//     the levels that somebody watches;
//   - the files for amd64 do the first two with vector instructions.
package splice
