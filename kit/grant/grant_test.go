package grant_test

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/sealed"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func sample() *grant.Grant {
	return &grant.Grant{
		TokenID: "t1", Kind: "mcp", EnvironmentID: "e1", Accounts: []string{"a1"}, Services: []string{},
		Read: true, Operations: []string{"x.users.list", "x.users.get"}, MCPServerID: "m1",
		IssuedAt: noon, ExpiresAt: noon.Add(5 * time.Minute), TokenExpiresAt: noon.Add(time.Hour),
	}
}

func signer(t testing.TB, keys ...sealed.Key) *grant.Signer {
	t.Helper()
	s, err := grant.NewSigner(keys)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t testing.TB, s *grant.Signer, g *grant.Grant) string {
	t.Helper()
	token, err := s.Sign(g)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func verifier(t testing.TB, s *grant.Signer) *grant.Verifier {
	t.Helper()
	v := &grant.Verifier{}
	if err := v.Set(s.JWKS()); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSignVerify(t *testing.T) {
	s := signer(t, sealed.Generate())
	v := verifier(t, s)
	everything := &grant.Grant{EnvironmentID: "e", Read: true, Write: true, IssuedAt: noon, ExpiresAt: noon.Add(time.Minute)}
	for _, want := range []*grant.Grant{sample(), everything} {
		token := sign(t, s, want)
		for range 2 { // the second time from the cache
			got, err := v.Verify(token, noon.Add(30*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-signed +verified):\n%s", diff)
			}
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	key := sealed.Generate()
	s := signer(t, key)
	v := verifier(t, s)
	token := sign(t, s, sample())
	head, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	other := sample()
	other.Write = true
	_, otherRest, _ := strings.Cut(sign(t, s, other), ".")
	otherPayload, _, _ := strings.Cut(otherRest, ".")
	tests := map[string]struct {
		token string
		now   time.Time
		want  error
	}{
		"empty":             {"", noon, grant.ErrInvalid},
		"noise":             {"a.b.c", noon, grant.ErrInvalid},
		"other payload":     {head + "." + otherPayload + "." + signature, noon, grant.ErrInvalid},
		"no signature":      {head + "." + payload + ".", noon, grant.ErrInvalid},
		"alg none":          {"eyJhbGciOiJub25lIn0." + payload + ".", noon, grant.ErrInvalid},
		"other key":         {sign(t, signer(t, sealed.Generate()), sample()), noon, grant.ErrInvalid},
		"other key same id": {sign(t, signer(t, sealed.Key{ID: key.ID, Material: sealed.Generate().Material}), sample()), noon, grant.ErrInvalid},
		"other type":        {otherType(t, key), noon, grant.ErrInvalid},
		"expired":           {token, noon.Add(5*time.Minute + time.Second), grant.ErrExpired},
		"from the future":   {token, noon.Add(-time.Minute), grant.ErrInvalid},
	}
	for name, tt := range tests {
		if g, err := v.Verify(tt.token, tt.now); !errors.Is(err, tt.want) || g != nil {
			t.Errorf("%s: %v, %v", name, g, err)
		}
	}
	if _, err := v.Verify(token, noon.Add(-10*time.Second)); err != nil {
		t.Errorf("clocks ten seconds apart: %v", err)
	}
	if _, err := (&grant.Verifier{}).Verify(token, noon); !errors.Is(err, grant.ErrInvalid) {
		t.Errorf("no keys yet: %v", err)
	}
}

// otherType is a well signed JWT that is no grant.
func otherType(t *testing.T, key sealed.Key) string {
	t.Helper()
	seed, err := sealed.ParseMaterial(key.Material)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: ed25519.NewKeyFromSeed(seed), KeyID: key.ID},
	}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestKeyRotation(t *testing.T) {
	before, after := sealed.Generate(), sealed.Generate()
	old := sign(t, signer(t, before), sample())
	v := verifier(t, signer(t, before))
	if _, err := v.Verify(old, noon); err != nil {
		t.Fatal(err)
	}
	both := signer(t, after, before)
	if err := v.Set(both.JWKS()); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"old": old, "new": sign(t, both, sample())} {
		if _, err := v.Verify(token, noon); err != nil {
			t.Errorf("%s key: %v", name, err)
		}
	}
	if err := v.Set(signer(t, after).JWKS()); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(old, noon); !errors.Is(err, grant.ErrInvalid) {
		t.Errorf("a retired key is still believed: %v", err)
	}
}

func TestKeySetRefuses(t *testing.T) {
	v := &grant.Verifier{}
	for _, jwks := range []string{``, `{}`, `{"keys":[]}`, `{"keys":[{"kty":"oct","kid":"k","k":"AAAA"}]}`, `[]`} {
		if err := v.Set([]byte(jwks)); err == nil {
			t.Errorf("%q was taken", jwks)
		}
	}
	if strings.Contains(string(signer(t, sealed.Generate()).JWKS()), `"d"`) {
		t.Error("the key set holds a private key")
	}
	if _, err := grant.NewSigner(nil); err == nil {
		t.Error("a signer without keys")
	}
	if _, err := grant.NewSigner([]sealed.Key{{ID: "k", Material: "short"}}); err == nil {
		t.Error("a signer with a short key")
	}
}

func TestReach(t *testing.T) {
	all := &grant.Grant{Read: true, Write: true}
	some := &grant.Grant{Read: true, Accounts: []string{"a"}, Services: []string{"proxy"}, Operations: []string{"op"}}
	none := &grant.Grant{Read: true, Write: true, Accounts: []string{}, Services: []string{}, Operations: []string{}}
	tests := []struct {
		name string
		got  bool
		want bool
	}{
		{"all, account", all.MayAccount("z"), true},
		{"all, write", all.MayOperation("op", true), true},
		{"all, service", all.MayService("mcp"), true},
		{"some, its account", some.MayAccount("a"), true},
		{"some, other account", some.MayAccount("b"), false},
		{"some, its operation", some.MayOperation("op", false), true},
		{"some, other operation", some.MayOperation("po", false), false},
		{"some, write", some.MayOperation("op", true), false},
		{"some, other service", some.MayService("mcp"), false},
		{"none, account", none.MayAccount("a"), false},
		{"none, operation", none.MayOperation("op", false), false},
		{"none, service", none.MayService("proxy"), false},
		{"write only, read", (&grant.Grant{Write: true}).MayOperation("op", false), false},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: %t", tt.name, tt.got)
		}
	}
}

func TestSubset(t *testing.T) {
	change := func(f func(*grant.Grant)) *grant.Grant { g := sample(); f(g); return g }
	tests := map[string]struct {
		g    *grant.Grant
		want string
	}{
		"the same":          {sample(), ""},
		"fewer operations":  {change(func(g *grant.Grant) { g.Operations = g.Operations[:1] }), ""},
		"ends earlier":      {change(func(g *grant.Grant) { g.TokenExpiresAt = noon }), ""},
		"environment":       {change(func(g *grant.Grant) { g.EnvironmentID = "e2" }), `environment "e2"`},
		"write":             {change(func(g *grant.Grant) { g.Write = true }), "writing"},
		"account":           {change(func(g *grant.Grant) { g.Accounts = []string{"a1", "a2"} }), `account "a2"`},
		"all accounts":      {change(func(g *grant.Grant) { g.Accounts = nil }), "every account"},
		"operation":         {change(func(g *grant.Grant) { g.Operations = []string{"x"} }), `operation "x"`},
		"service":           {change(func(g *grant.Grant) { g.Services = []string{"x"} }), `service "x"`},
		"outlives":          {change(func(g *grant.Grant) { g.TokenExpiresAt = noon.Add(2 * time.Hour) }), "outlives"},
		"lives for ever":    {change(func(g *grant.Grant) { g.TokenExpiresAt = time.Time{} }), "outlives"},
		"nothing but write": {change(func(g *grant.Grant) { g.Read, g.Write = false, true }), "writing"},
	}
	for name, tt := range tests {
		err := tt.g.Subset(sample())
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestNarrow(t *testing.T) {
	base := sample()
	base.Services, base.Write = nil, true
	got := base.Narrow(grant.Narrowing{
		Accounts: []string{"a2"}, Services: []string{"proxy"}, Operations: []string{"x.users.get", "x.users.delete"},
		ReadOnly: true, ExpiresAt: noon.Add(time.Minute),
	})
	want := sample()
	want.Accounts, want.Services, want.Operations = []string{}, []string{"proxy"}, []string{"x.users.get"}
	want.ExpiresAt = noon.Add(time.Minute)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(base, base.Narrow(grant.Narrowing{ExpiresAt: noon.Add(time.Hour)})); diff != "" {
		t.Errorf("narrowing by nothing changed (-want +got):\n%s", diff)
	}
	if err := got.Subset(base); err != nil {
		t.Errorf("a narrowed grant is wider: %v", err)
	}
}

func BenchmarkVerifyCached(b *testing.B) {
	s := signer(b, sealed.Generate())
	v, token := verifier(b, s), sign(b, s, sample())
	for b.Loop() {
		if _, err := v.Verify(token, noon); err != nil {
			b.Fatal(err)
		}
	}
}
