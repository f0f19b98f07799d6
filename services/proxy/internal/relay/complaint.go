package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/redact"
	"github.com/sando-dev/sando/services/proxy/internal/splice"
)

const (
	// errorBody is how much of a provider's error is read, and errorText how
	// much of one that is no JSON is shown.
	errorBody = 64 << 10
	errorText = 2 << 10
)

// A complaint is what a provider says of a call that it refuses, without the
// secrets of the account: no other text of a provider's error is shown, logged
// or stored.
type complaint struct {
	raw           json.RawMessage
	message, code string
	missingScopes []string
	text          bool // it is no JSON, but not empty
}

// hear reads a provider's error.
func (s *Service) hear(ctx context.Context, c *call, body io.Reader) complaint {
	text, replaced := errorOf(c.lease.Secrets(), body)
	s.observer.replaced(ctx, c.op.GetId(), replaced)
	return complaintOf(c.lease.Provider.GetErrorFormat(), text)
}

// errorOf reads the body of an error, as far as it goes, as UTF-8 and without the
// secrets. It says how many bytes were replaced.
func errorOf(secrets redact.Secrets, body io.Reader) (text []byte, replaced int) {
	text, err := io.ReadAll(io.LimitReader(body, errorBody+1))
	text, replaced = splice.Text(text)
	switch {
	case len(text) > errorBody:
		return secrets.Cut(text[:errorBody]), replaced
	case err != nil: // what cannot be read of an error is missed by nobody
		return secrets.Cut(text), replaced
	default:
		return secrets.Bytes(text), replaced
	}
}

func complaintOf(f *catalogv1.ErrorFormat, body []byte) complaint {
	h := complaint{raw: rawOf(body)}
	if !json.Valid(body) {
		h.text = h.raw != nil
		return h
	}
	h.message = catalog.FirstMessage(body, append([]string{f.GetMessagePointer()}, f.GetMessagePointers()...)...)
	h.code = catalog.FirstText(body, f.GetCodePointers()...)
	h.missingScopes = catalog.FirstTexts(body, f.GetMissingScopePointers()...)
	for _, marker := range f.GetMissingScopeMarkers() {
		if _, scopes, ok := strings.Cut(h.message, marker); ok && h.missingScopes == nil {
			h.missingScopes = strings.Fields(strings.Trim(scopes, ": "))
		}
	}
	return h
}

// rawOf makes a provider's error fit for ours: as it is when it is JSON, else
// the beginning of it as a string.
func rawOf(body []byte) json.RawMessage {
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return nil
	case json.Valid(body):
		return body
	}
	text := body[:min(len(body), errorText)]
	for len(text) > 0 && !utf8.Valid(text) && len(body) > len(text) {
		text = text[:len(text)-1]
	}
	quoted, err := json.Marshal(string(text))
	if err != nil {
		return nil
	}
	return quoted
}
