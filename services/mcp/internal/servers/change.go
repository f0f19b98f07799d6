package servers

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/mcp/internal/scope"
)

// change is a merge patch (RFC 7396) of a server: absent members stay nil, null ones are the bytes `null`.
type change struct {
	Name      json.RawMessage `json:"name"`
	Config    json.RawMessage `json:"config"`
	ExpiresAt json.RawMessage `json:"expires_at"`
}

func readChange(raw []byte) (change, error) {
	var c change
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return c, rpcerr.New(rpcerr.ValidationFailed, "the change must be one JSON object with name, config or expires_at").WithCause(err)
	}
	return c, nil
}

// apply changes what the patch names.
func (s *Service) apply(record *internalauthv1.McpServer, c change) error {
	if c.Name != nil {
		var name string
		if err := json.Unmarshal(c.Name, &name); err != nil || isNull(c.Name) || name == "" || utf8.RuneCountInString(name) > maxName {
			return rpcerr.Invalid("name", "must be a string of 1 to 200 characters")
		}
		record.Name = name
	}
	if c.ExpiresAt != nil {
		if err := s.applyExpiry(record, c.ExpiresAt); err != nil {
			return err
		}
	}
	if c.Config == nil {
		return nil
	}
	merged, err := scope.Merge(record.GetConfig(), c.Config)
	if err != nil {
		return err
	}
	return s.configure(record, merged)
}

func (s *Service) applyExpiry(record *internalauthv1.McpServer, raw json.RawMessage) error {
	if isNull(raw) {
		record.ExpiresAt = nil
		return nil
	}
	var at time.Time
	if err := json.Unmarshal(raw, &at); err != nil {
		return rpcerr.Invalid("expires_at", "must be a time as in 2026-01-31T09:30:00Z, or null")
	}
	record.ExpiresAt = timestamppb.New(at)
	return s.checkExpiry(record.ExpiresAt)
}

func isNull(raw json.RawMessage) bool { return bytes.Equal(raw, []byte("null")) }
