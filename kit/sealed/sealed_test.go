package sealed_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/sealed"
)

func ring(t testing.TB, keys ...sealed.Key) *sealed.Ring {
	t.Helper()
	r, err := sealed.ParseRing(keys)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSealOpen(t *testing.T) {
	r := ring(t, sealed.Generate())
	for _, plain := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte{0xff}, 10_000)} {
		s, err := r.Seal("cursor", plain, []byte("account"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("not fit for URLs: %q", s)
		}
		got, err := r.Open("cursor", s, []byte("account"))
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("got %q, %v", got, err)
		}
		again, err := r.Seal("cursor", plain, []byte("account"))
		if err != nil || again == s {
			t.Errorf("sealing twice gives the same text (%v)", err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	r := ring(t, sealed.Generate())
	s, err := r.Seal("cursor", []byte("plain"), []byte("account"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		purpose, sealed, aad string
		want                 error
	}{
		"other purpose":     {"state", s, "account", sealed.ErrInvalid},
		"other data":        {"cursor", s, "accounts", sealed.ErrInvalid},
		"moved boundary":    {"cursora", s, "ccount", sealed.ErrInvalid},
		"empty":             {"cursor", "", "account", sealed.ErrInvalid},
		"cut":               {"cursor", s[:len(s)-4], "account", sealed.ErrInvalid},
		"not base64":        {"cursor", s + "!", "account", sealed.ErrInvalid},
		"padded":            {"cursor", s + "==", "account", sealed.ErrInvalid},
		"other version":     {"cursor", "Ag" + s[2:], "account", sealed.ErrInvalid},
		"id runs over":      {"cursor", base64.RawURLEncoding.EncodeToString([]byte{1, 200, 'a'}), "account", sealed.ErrInvalid},
		"key of other ring": {"cursor", mustSeal(t, ring(t, sealed.Generate())), "account", sealed.ErrUnknownKey},
	}
	for name, tt := range tests {
		if got, err := r.Open(tt.purpose, tt.sealed, []byte(tt.aad)); !errors.Is(err, tt.want) || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	raw, _ := base64.RawURLEncoding.DecodeString(s)
	for i := range raw {
		flipped := bytes.Clone(raw)
		flipped[i] ^= 1
		if _, err := r.Open("cursor", base64.RawURLEncoding.EncodeToString(flipped), []byte("account")); err == nil {
			t.Errorf("byte %d was altered unnoticed", i)
		}
	}
}

func mustSeal(t *testing.T, r *sealed.Ring) string {
	t.Helper()
	s, err := r.Seal("cursor", []byte("plain"), []byte("account"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRotation(t *testing.T) {
	before, after := sealed.Generate(), sealed.Generate()
	s := mustSeal(t, ring(t, before))
	both := ring(t, after, before)
	if _, err := both.Open("cursor", s, []byte("account")); err != nil {
		t.Errorf("the old key does not open: %v", err)
	}
	fresh := mustSeal(t, both)
	if _, err := ring(t, after).Open("cursor", fresh, []byte("account")); err != nil {
		t.Errorf("the first key did not seal: %v", err)
	}
	if _, err := ring(t, after).Open("cursor", s, []byte("account")); !errors.Is(err, sealed.ErrUnknownKey) {
		t.Errorf("a retired key: %v", err)
	}
}

func TestParseRingRefuses(t *testing.T) {
	good := sealed.Generate()
	tests := map[string]struct {
		keys []sealed.Key
		want string
	}{
		"none":      {nil, "at least one key"},
		"twice":     {[]sealed.Key{good, good}, "twice"},
		"no id":     {[]sealed.Key{{Material: good.Material}}, "key id"},
		"long id":   {[]sealed.Key{{ID: strings.Repeat("x", 33), Material: good.Material}}, "key id"},
		"short key": {[]sealed.Key{{ID: "k", Material: "aHVudGVyMg=="}}, "32 bytes"},
		"no key":    {[]sealed.Key{{ID: "k"}}, "32 bytes"},
	}
	for name, tt := range tests {
		_, err := sealed.ParseRing(tt.keys)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "aHVudGVyMg") {
			t.Errorf("%s: the error shows the key", name)
		}
	}
}

func TestMaterialForms(t *testing.T) {
	raw := bytes.Repeat([]byte{0xfb, 0xef}, 16)
	for _, text := range []string{
		hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw),
		base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
	} {
		if got, err := sealed.ParseMaterial(config.Secret(text)); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%s: %x, %v", text, got, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	r := ring(f, sealed.Generate())
	s, err := r.Seal("p", []byte("x"), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s)
	f.Add("AQA")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := r.Open("p", text, nil); err == nil && text != s {
			t.Errorf("%q opened", text)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	r := ring(b, sealed.Generate())
	s, err := r.Seal("cursor", make([]byte, 100), []byte("account"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := r.Open("cursor", s, []byte("account")); err != nil {
			b.Fatal(err)
		}
	}
}
