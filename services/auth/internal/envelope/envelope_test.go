package envelope_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/services/auth/internal/envelope"
	"github.com/sando-dev/sando/services/auth/internal/keyring"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// key makes a fresh key-encryption key.
func key() keyring.EncryptionKey { return keyring.Generate().Encryption[0] }

func ring(t *testing.T, keys ...keyring.EncryptionKey) *envelope.Ring {
	t.Helper()
	r, err := envelope.Open(keys)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func seal(t *testing.T, r *envelope.Ring, environment, account string, version int64, fields map[string]string) store.Credential {
	t.Helper()
	c, err := r.Seal(environment, account, version, fields)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSealAndOpen(t *testing.T) {
	r := ring(t, key())
	want := map[string]string{"api_key": "secret", "client_secret": "", "name": "ünï"}
	got, err := r.Open(seal(t, r, "env", "acc", 3, want))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("opened (-want +got):\n%s", d)
	}
}

// Flip any bit of anything that is stored, and it does not open.
func TestNoBitCanBeFlipped(t *testing.T) {
	r := ring(t, key())
	c := seal(t, r, "env", "acc", 1, map[string]string{"api_key": "secret"})
	for name, stored := range map[string][]byte{"wrapped key": c.Wrapped, "field": c.Fields["api_key"]} {
		for bit := range len(stored) * 8 {
			stored[bit/8] ^= 1 << (bit % 8)
			if _, err := r.Open(c); err == nil {
				t.Fatalf("bit %d of the %s was flipped, and it opened", bit, name)
			}
			stored[bit/8] ^= 1 << (bit % 8)
		}
	}
	if _, err := r.Open(c); err != nil {
		t.Fatalf("unharmed again: %v", err)
	}
}

// Swap any two rows or columns, and they do not open.
func TestNothingCanBeMoved(t *testing.T) {
	one, two := key(), key()
	r := ring(t, one, two)
	base := func() store.Credential {
		return seal(t, r, "env", "acc", 1, map[string]string{"api_key": "secret", "other": "secret"})
	}
	neighbour := seal(t, r, "env", "acc2", 1, map[string]string{"api_key": "secret"})
	foreign := seal(t, r, "env2", "acc", 1, map[string]string{"api_key": "secret"})
	older := seal(t, r, "env", "acc", 2, map[string]string{"api_key": "secret"})
	for name, move := range map[string]func(*store.Credential){
		"fields": func(c *store.Credential) {
			c.Fields["api_key"], c.Fields["other"] = c.Fields["other"], c.Fields["api_key"]
		},
		"a field to another name":          func(c *store.Credential) { c.Fields["third"] = c.Fields["other"] },
		"the version":                      func(c *store.Credential) { c.Version = 2 },
		"the account":                      func(c *store.Credential) { c.AccountID = "acc2" },
		"the environment":                  func(c *store.Credential) { c.EnvironmentID = "env2" },
		"the key's id":                     func(c *store.Credential) { c.WrappedBy = two.ID },
		"a neighbour's key":                func(c *store.Credential) { c.Wrapped = neighbour.Wrapped },
		"a neighbour's field":              func(c *store.Credential) { c.Fields["api_key"] = neighbour.Fields["api_key"] },
		"a neighbour's key and field":      func(c *store.Credential) { c.Wrapped, c.Fields = neighbour.Wrapped, maps.Clone(neighbour.Fields) },
		"key and field of another place":   func(c *store.Credential) { c.Wrapped, c.Fields = foreign.Wrapped, maps.Clone(foreign.Fields) },
		"a field of another version":       func(c *store.Credential) { c.Wrapped, c.Fields = older.Wrapped, maps.Clone(older.Fields) },
		"field and key for each other":     func(c *store.Credential) { c.Fields["api_key"], c.Wrapped = c.Wrapped, c.Fields["api_key"] },
		"an id of a key that is not there": func(c *store.Credential) { c.WrappedBy = "gone" },
	} {
		c := base()
		move(&c)
		if _, err := r.Open(c); err == nil {
			t.Errorf("after swapping %s it opened", name)
		}
	}
}

func TestRewrap(t *testing.T) {
	old, fresh := key(), key()
	c := seal(t, ring(t, old), "env", "acc", 1, map[string]string{"api_key": "secret"})
	both := ring(t, fresh, old)
	wrapped, err := both.Rewrap(c.DataKey)
	if err != nil {
		t.Fatal(err)
	}
	c.DataKey = wrapped
	if wrapped.WrappedBy != fresh.ID {
		t.Errorf("wrapped by %q", wrapped.WrappedBy)
	}
	if got, err := ring(t, fresh).Open(c); err != nil || got["api_key"] != "secret" {
		t.Errorf("without the old key: %v, %v", got, err)
	}
	if _, err := ring(t, old).Open(c); err == nil {
		t.Error("the old key alone still opens it")
	}
}
