package keyring_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/services/auth/internal/keyring"
)

func TestDocumentReadsBack(t *testing.T) {
	want := keyring.Generate()
	got, err := keyring.Parse(want.Document())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("read back (-want +got):\n%s", d)
	}
}

func TestParseRefuses(t *testing.T) {
	good := string(keyring.Generate().Document())
	for name, c := range map[string]struct{ document, want string }{
		"nothing":        {"", "not a YAML map"},
		"another member": {good + "more: 1\n", "not a YAML map"},
		"no pepper":      {strings.Replace(good, "pepper:\n", "sealing_old:\n", 1), "not a YAML map"},
		"an empty list":  {"encryption: []\nsigning: []\npepper: []\nsealing: []\n", "no encryption key"},
		"two places":     {strings.Replace(good, "material:", "kms: hcvault://h/t/keys/k, material:", 1), "not both"},
		"a short key":    {strings.Replace(good, `material: "`, `material: "x`, 1), "32 bytes"},
	} {
		_, err := keyring.Parse([]byte(c.document))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		for line := range strings.Lines(good) {
			if _, secret, ok := strings.Cut(line, "material: "); ok && err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error quotes a key", name)
			}
		}
	}
}

func TestKeysInAKeyManagementService(t *testing.T) {
	document := string(keyring.Generate().Document())
	start, end := strings.Index(document, "encryption:\n"), strings.Index(document, "signing:\n")
	remote := document[:start] + "encryption:\n  - {id: v1, kms: \"hcvault://vault.example.com/transit/keys/sando\"}\n" + document[end:]
	ring, err := keyring.Parse([]byte(remote))
	if err != nil || ring.Encryption[0].KMS == "" {
		t.Fatalf("%v, %v", ring.Encryption, err)
	}
	again, err := keyring.Parse(ring.Document())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(ring, again); d != "" {
		t.Errorf("read back (-want +got):\n%s", d)
	}
}

func TestAdd(t *testing.T) {
	before := keyring.Generate()
	for _, family := range []string{"encryption", "signing", "pepper", "sealing"} {
		after, err := before.Add(family)
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{
			"encryption": len(after.Encryption), "signing": len(after.Signing), "pepper": len(after.Pepper), "sealing": len(after.Sealing),
		}
		for name, n := range counts {
			if want := map[bool]int{true: 2, false: 1}[name == family]; n != want {
				t.Errorf("adding a key to %s: %s has %d", family, name, n)
			}
		}
		if _, err := keyring.Parse(after.Document()); err != nil {
			t.Errorf("after adding to %s: %v", family, err)
		}
	}
	if _, err := before.Add("other"); err == nil {
		t.Error("a key was added to no family")
	}
	if len(before.Encryption) != 1 {
		t.Error("adding changed the ring it was called on")
	}
}

func TestLoad(t *testing.T) {
	ring := keyring.Generate()
	path := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(path, ring.Document(), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]keyring.Config{
		"file": {File: path},
		"text": {Ring: config.Secret(ring.Document())},
	} {
		got, err := keyring.Load(c)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(ring, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	for name, c := range map[string]keyring.Config{"nothing": {}, "no such file": {File: path + ".not"}} {
		if _, err := keyring.Load(c); !errors.Is(err, keyring.ErrMissing) || !strings.Contains(err.Error(), "sando keys generate") {
			t.Errorf("%s: %v does not say how to make keys", name, err)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Load(keyring.Config{File: path}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that everybody can read: %v", err)
	}
}
