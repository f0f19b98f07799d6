package keyring_test

import (
	"strings"
	"testing"

	"github.com/sando-dev/sando/services/auth/internal/keyring"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

func TestRingOfAnotherInstallationIsTold(t *testing.T) {
	checks := func(r keyring.Ring) []store.KeyCheck {
		t.Helper()
		all, err := r.Checks()
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	ours, theirs := keyring.Generate(), keyring.Generate()
	known := checks(ours)
	if fresh, err := keyring.Unknown(known, nil); err != nil || len(fresh) != 4 {
		t.Errorf("an empty database: %v, %v", fresh, err)
	}
	if fresh, err := keyring.Unknown(known, known); err != nil || len(fresh) != 0 {
		t.Errorf("the same ring: %v, %v", fresh, err)
	}
	for _, family := range []string{"encryption", "signing", "pepper", "sealing"} {
		grown, err := ours.Add(family)
		if err != nil {
			t.Fatal(err)
		}
		if fresh, err := keyring.Unknown(checks(grown), known); err != nil || len(fresh) != 1 || fresh[0].Family != family {
			t.Errorf("a %s key added: %v, %v", family, fresh, err)
		}
	}
	for name, c := range map[string]struct {
		change func(*keyring.Ring)
		want   string
	}{
		"pepper":             {func(r *keyring.Ring) { r.Pepper = theirs.Pepper }, "with the pepper keys " + ours.Pepper[0].ID},
		"sealing":            {func(r *keyring.Ring) { r.Sealing = theirs.Sealing }, "with the sealing keys " + ours.Sealing[0].ID},
		"signing":            {func(r *keyring.Ring) { r.Signing = theirs.Signing }, "with the signing keys " + ours.Signing[0].ID},
		"the same id":        {func(r *keyring.Ring) { r.Pepper[0].Material = theirs.Pepper[0].Material }, "another one"},
		"encryption, its id": {func(r *keyring.Ring) { r.Encryption[0].Material = theirs.Encryption[0].Material }, "another one"},
	} {
		ring, err := keyring.Parse(ours.Document())
		if err != nil {
			t.Fatal(err)
		}
		c.change(&ring)
		if _, err := keyring.Unknown(checks(ring), known); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	ours.Encryption[0].Material, ours.Encryption[0].KMS = "", "hcvault://vault.example.com/transit/keys/sando"
	if all := checks(ours); len(all) != 3 {
		t.Errorf("a key kept elsewhere has a check: %v", all)
	}
}
