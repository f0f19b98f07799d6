package config

import "log/slog"

const redacted = "[redacted]"

// A Secret is text that prints as [redacted] wherever it is formatted, logged
// or encoded. Only Reveal gives it away.
type Secret string

// Reveal gives the text. Call it where the secret is used, and keep the result
// nowhere.
func (s Secret) Reveal() string { return string(s) }

// String hides the text; an empty secret prints as nothing, so that a missing
// one can be told from a set one.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString hides the text from %#v.
func (s Secret) GoString() string { return `config.Secret("` + s.String() + `")` }

// LogValue hides the text from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the text from encoders of text, JSON among them.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON hides the text.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// MarshalYAML hides the text.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// UnmarshalText takes the text of a secret.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = Secret(b)
	return nil
}
