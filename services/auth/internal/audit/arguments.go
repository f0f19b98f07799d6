package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

type argumentsKey struct{}

// WithArguments has the entries that [Act] makes of ctx carry the digest of arguments: SHA-256 of their JSON, without space between tokens and
// without HTML escapes. Leave credentials out: a short password could be found from its digest.
func WithArguments(ctx context.Context, arguments any) (context.Context, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(arguments); err != nil {
		return ctx, fmt.Errorf("audit: arguments: %w", err)
	}
	sum := sha256.Sum256(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	return context.WithValue(ctx, argumentsKey{}, hex.EncodeToString(sum[:])), nil
}

// digestFrom is the digest that WithArguments left; nil for none.
func digestFrom(ctx context.Context) *string {
	digest, ok := ctx.Value(argumentsKey{}).(string)
	if !ok {
		return nil
	}
	return &digest
}
