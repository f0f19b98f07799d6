package writes

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// identityVersion begins everything that is hashed, so that no digest of this
// version is one of another.
const identityVersion = "sando write identity 2"

// An Identity is whatever makes two requests the same write. Requests that
// differ in any of it are never answered with one another's answer.
type Identity struct {
	Environment, Account, Operation string
	// Verb is the caller's HTTP method; that of the REST route for an RPC.
	Verb string
	// Path and Query are what the provider is sent, as they are escaped.
	Path, Query string
	// ContentType is that of the body, as the caller gave it.
	ContentType string
	// Form is how the caller wants the answer.
	Form string
	// Fields are the parts of a form besides the file, names and values in
	// turn; nil where the body is no form.
	Fields []string
	// Body is the body as it was given, or the file of a form.
	Body []byte
}

// Digest is the SHA-256 of an identity. Every component has its length in front
// and the fields have their number, so that nothing can move from one to the
// next.
func (i *Identity) Digest() [32]byte {
	h := sha256.New()
	for _, part := range []string{
		identityVersion, i.Environment, i.Account, i.Operation, i.Verb, i.Path, i.Query, i.ContentType, i.Form,
	} {
		writePart(h, []byte(part))
	}
	writeLength(h, len(i.Fields))
	for _, field := range i.Fields {
		writePart(h, []byte(field))
	}
	writePart(h, i.Body)
	return [32]byte(h.Sum(nil))
}

// writePart hashes a part with its length in front. A hash takes everything.
func writePart(h hash.Hash, part []byte) {
	writeLength(h, len(part))
	h.Write(part)
}

func writeLength(h hash.Hash, n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	h.Write(b[:])
}
