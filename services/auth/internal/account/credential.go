package account

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

const (
	// maxContext bounds the open values of an account, in bytes.
	maxContext = 16 << 10
	// defaultMaxLength bounds a credential field whose catalog entry names no bound, in characters.
	defaultMaxLength = 4096
	// learned is the member of the context that holds what was learned at link time; callers cannot set it.
	learned = "organization"
)

// method finds how accounts of an integration authenticate; empty names mean the defaults.
func (s *Service) method(integration, name string) (*catalog.Integration, *catalogv1.AuthenticationMethod, error) {
	in, ok := s.o.Catalog.Integration(integration)
	if !ok {
		return nil, nil, invalid("integration", "is not one of "+strings.Join(s.o.Catalog.Integrations(), ", "))
	}
	m, ok := in.Authentication(name)
	if !ok {
		return nil, nil, invalid("authentication_method", "is not one of "+strings.Join(methodNames(in), ", "))
	}
	return in, m, nil
}

func methodNames(in *catalog.Integration) []string {
	var names []string
	for _, m := range in.GetAuthenticationMethods() {
		names = append(names, m.GetName())
	}
	return names
}

func invalid(field, what string) *rpcerr.Error { return rpcerr.Invalid(field, what) }

// split parts a context into the credential, checked field by field, and the open values.
func split(m *catalogv1.AuthenticationMethod, context []byte) (values map[string]string, open map[string]json.RawMessage, err error) {
	if open, err = object(context); err != nil {
		return nil, nil, err
	}
	values = make(map[string]string)
	var bad []rpcerr.Violation
	for _, f := range m.GetFields() {
		value, problem := field(f, open[f.GetName()])
		switch {
		case problem != "":
			bad = append(bad, rpcerr.Violation{Field: "context." + f.GetName(), Description: problem})
		case value != "":
			values[f.GetName()] = value
		}
		if f.GetSecret() {
			delete(open, f.GetName())
		}
	}
	if err := refuse(append(bad, checkNames(open, m.GetFields())...)); err != nil {
		return nil, nil, err
	}
	return values, open, nil
}

// object reads the members of a context, none of which may be ours.
func object(context []byte) (map[string]json.RawMessage, error) {
	if len(context) == 0 {
		return map[string]json.RawMessage{}, nil
	}
	if len(context) > maxContext {
		return nil, invalid("context", fmt.Sprintf("must be at most %d bytes", maxContext))
	}
	var open map[string]json.RawMessage
	if err := json.Unmarshal(context, &open); err != nil || open == nil {
		return nil, invalid("context", "must be a JSON object")
	}
	if _, ok := open[learned]; ok {
		return nil, invalid("context."+learned, "is set by sando and cannot be given")
	}
	return open, nil
}

// field checks one value of a credential. The texts never quote it.
func field(f *catalogv1.CredentialField, raw json.RawMessage) (value, problem string) {
	if raw != nil && json.Unmarshal(raw, &value) != nil {
		return "", "must be a string"
	}
	// Pasted keys come with blanks and line ends around them; no credential has any.
	value = strings.TrimSpace(value)
	if value == "" {
		if f.GetRequired() {
			return "", "is required"
		}
		return "", ""
	}
	limit := int(f.GetMaxLength())
	if limit == 0 {
		limit = defaultMaxLength
	}
	switch {
	case utf8.RuneCountInString(value) > limit:
		return "", fmt.Sprintf("must be at most %d characters", limit)
	case strings.ContainsFunc(value, unicode.IsControl):
		return "", "must not hold control characters"
	case f.GetPattern() != "" && !matches(f.GetPattern(), value):
		return "", "does not look like a " + f.GetLabel()
	}
	return value, ""
}

// matches reports whether the whole value fits; the catalog has checked that the pattern compiles.
func matches(pattern, value string) bool {
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	return err == nil && re.MatchString(value)
}

// encodeOpen writes open values with sorted members; numbers stay as they were written.
func encodeOpen(open map[string]json.RawMessage) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(open); err != nil {
		return nil, fmt.Errorf("account: context: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// patchOpen merges new open values into those of an account. A credential field among them is refused: it has a call of its own.
func (s *Service) patchOpen(a store.Account, context []byte) (json.RawMessage, error) {
	patch, err := object(context)
	if err != nil {
		return nil, err
	}
	_, m, err := s.method(a.Integration, a.Method)
	if err != nil {
		return nil, err
	}
	for _, f := range m.GetFields() {
		if _, ok := patch[f.GetName()]; ok {
			return nil, invalid("context."+f.GetName(), "is part of the credential").
				WithFix("Use PATCH /integrated-account/{id}/credentials.")
		}
	}
	if err := refuse(checkNames(patch, m.GetFields())); err != nil {
		return nil, err
	}
	before, err := openOf(a)
	if err != nil {
		return nil, err
	}
	open, err := merge(before, patch)
	if err != nil {
		return nil, err
	}
	merged, err := encodeOpen(open)
	if len(merged) > maxContext {
		return nil, invalid("context", fmt.Sprintf("would be larger than %d bytes", maxContext))
	}
	return merged, err
}

// openOf reads the stored open values of an account.
func openOf(a store.Account) (map[string]json.RawMessage, error) {
	open := make(map[string]json.RawMessage)
	if len(a.Context) > 0 {
		if err := json.Unmarshal(a.Context, &open); err != nil {
			return nil, fmt.Errorf("account: context of %s: %w", a.ID, err)
		}
	}
	return open, nil
}

// Context is the context of an account as callers see it: the open values, and the organisation that was found.
func Context(a store.Account) (json.RawMessage, error) {
	open, err := openOf(a)
	if err != nil {
		return nil, err
	}
	if a.OrganizationID != "" {
		found, err := json.Marshal(struct {
			ID   string `json:"id"`
			Name string `json:"name,omitempty"`
		}{a.OrganizationID, a.OrganizationName})
		if err != nil {
			return nil, fmt.Errorf("account: context of %s: %w", a.ID, err)
		}
		open[learned] = found
	}
	return encodeOpen(open)
}

// CheckOpen refuses open values that a link cannot carry: too large, ours, or part of a credential, which only the customer types.
func (s *Service) CheckOpen(integration string, context []byte) error {
	open, err := object(context)
	if err != nil {
		return err
	}
	in, _, err := s.method(integration, "")
	if err != nil {
		return err
	}
	var fields []*catalogv1.CredentialField
	for _, m := range in.GetAuthenticationMethods() {
		fields = append(fields, m.GetFields()...)
	}
	for _, f := range fields {
		if _, ok := open[f.GetName()]; ok {
			return invalid("context."+f.GetName(), "is part of the credential, which the customer types on the page")
		}
	}
	return refuse(checkNames(open, fields))
}
