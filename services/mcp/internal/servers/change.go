package servers

import (
	"bytes"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/kit/nearest"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/mcp/internal/scope"
)

// change is a merge patch (RFC 7396) of a server: absent members stay nil, null ones are the bytes `null`.
type change struct {
	Name      jsontext.Value `json:"name"`
	Config    jsontext.Value `json:"config"`
	ExpiresAt jsontext.Value `json:"expires_at"`
	fixed
}

// fixed are members that a server has and nobody can change. They may come back as they were read.
type fixed struct {
	ID      jsontext.Value `json:"id"`
	Account jsontext.Value `json:"integrated_account_id"`
	Token   jsontext.Value `json:"token"`
	URL     jsontext.Value `json:"url"`
	// What follows goes on changing by itself, so whatever came back is old by now.
	LastUsedAt jsontext.Value `json:"last_used_at"`
	LastClient jsontext.Value `json:"last_client"`
	CreatedAt  jsontext.Value `json:"created_at"`
	UpdatedAt  jsontext.Value `json:"updated_at"`
}

func readChange(raw []byte) (change, error) {
	var c change
	err := json.Unmarshal(raw, &c, json.RejectUnknownMembers(true))
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok && errors.Is(err, json.ErrUnknownName) {
		return c, unknown(wrong.JSONPointer.LastToken())
	}
	if err != nil || jsontext.Value(raw).Kind() != '{' {
		return c, rpcerr.New(rpcerr.ValidationFailed, "the change must be one JSON object with name, config or expires_at").WithCause(err)
	}
	return c, nil
}

// unknown refuses a member that a server does not have.
func unknown(member string) error {
	settable := []string{"name", "config", "expires_at"}
	if near := nearest.Of(member, settable); near != "" {
		return rpcerr.Invalid(member, fmt.Sprintf("is no member of an MCP server; did you mean %q?", near))
	}
	return rpcerr.Invalid(member, "is no member of an MCP server; name, config and expires_at can be changed")
}

// check refuses to change what is fixed.
func (f fixed) check(record *internalauthv1.McpServer) error {
	for _, m := range []struct {
		name     string
		sent     jsontext.Value
		expected string
	}{
		{"id", f.ID, quoted(record.GetId())},
		{"integrated_account_id", f.Account, quoted(record.GetIntegratedAccountId())},
		{"token", f.Token, "null"},
		{"url", f.URL, "null"},
	} {
		if m.sent != nil && string(m.sent) != m.expected {
			return rpcerr.Invalid(m.name, "cannot be changed")
		}
	}
	return nil
}

// apply changes what the patch names.
func (s *Service) apply(record *internalauthv1.McpServer, c change) error {
	if err := c.check(record); err != nil {
		return err
	}
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
	return s.applyConfig(record, c.Config)
}

// applyConfig leaves the record alone where nothing changes: its grant is what the tools were when it was made.
func (s *Service) applyConfig(record *internalauthv1.McpServer, patch jsontext.Value) error {
	stored, err := scope.Merge(record.GetConfig(), nil)
	if err != nil {
		return err
	}
	merged, err := scope.Merge(stored, patch)
	if err != nil || bytes.Equal(stored, merged) {
		return err
	}
	return s.configure(record, merged)
}

func (s *Service) applyExpiry(record *internalauthv1.McpServer, raw jsontext.Value) error {
	if isNull(raw) {
		record.ExpiresAt = nil
		return nil
	}
	var at time.Time
	if err := json.Unmarshal(raw, &at); err != nil {
		return rpcerr.Invalid("expires_at", "must be a time as in 2026-01-31T09:30:00Z, or null")
	}
	// A server may keep an end that is near.
	if record.ExpiresAt != nil && at.Equal(record.ExpiresAt.AsTime()) {
		return nil
	}
	record.ExpiresAt = timestamppb.New(at)
	if err := access.CheckTime("expires_at", record.ExpiresAt); err != nil {
		return err
	}
	return s.checkExpiry(record.ExpiresAt)
}

func isNull(raw jsontext.Value) bool { return raw.Kind() == 'n' }

// quoted is a string in JSON; ids have nothing that cannot be written.
func quoted(s string) string {
	b, _ := jsontext.AppendQuote(nil, s)
	return string(b)
}
