// Package splice takes the data out of a provider's answer while it streams
// by, without decoding it: the bytes of the data go to a writer untouched, and
// the few facts an envelope needs (rows, next cursor, total, the id of the last
// row) are picked up on the way. Memory is one buffer, whatever the page size.
//
// The scanner checks the whole grammar of JSON (RFC 8259), so that a body which
// breaks off or is no JSON is an error even when all of its data has passed.
// Where a name occurs twice in one object the first occurrence counts.
package splice
