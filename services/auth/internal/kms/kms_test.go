package kms_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"

	"github.com/sando-dev/sando/services/auth/internal/envelope"
	"github.com/sando-dev/sando/services/auth/internal/keyring"
	"github.com/sando-dev/sando/services/auth/internal/kms"
)

// vault stands in for the transit engine of Vault: the two calls that are used, over TLS, with a token.
func vault(t *testing.T) (host string) {
	t.Helper()
	key, err := subtle.NewAESGCM(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	handle := func(work func(plain, ad []byte, ciphertext string) (map[string]string, error)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var in struct {
				Plaintext      []byte `json:"plaintext"`
				AssociatedData []byte `json:"associated_data"`
				Ciphertext     string `json:"ciphertext"`
			}
			if r.Header.Get("X-Vault-Token") != "root-token" || json.NewDecoder(r.Body).Decode(&in) != nil {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			data, err := work(in.Plaintext, in.AssociatedData, in.Ciphertext)
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /v1/transit/encrypt/sando", handle(func(plain, ad []byte, _ string) (map[string]string, error) {
		ct, err := key.Encrypt(plain, ad)
		return map[string]string{"ciphertext": "vault:v1:" + base64.StdEncoding.EncodeToString(ct)}, err
	}))
	mux.HandleFunc("PUT /v1/transit/decrypt/sando", handle(func(_, ad []byte, ciphertext string) (map[string]string, error) {
		ct, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(ciphertext, "vault:v1:"))
		if err != nil {
			return nil, err
		}
		plain, err := key.Decrypt(ct, ad)
		return map[string]string{"plaintext": base64.StdEncoding.EncodeToString(plain)}, err
	}))
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VAULT_CACERT", ca)
	t.Setenv("VAULT_TOKEN", "root-token")
	t.Setenv("VAULT_MAX_RETRIES", "0")
	return strings.TrimPrefix(server.URL, "https://")
}

// A ring is moved from a local key into Vault; the local key may then go.
func TestVaultWrapsDataKeys(t *testing.T) {
	local := keyring.Generate().Encryption[0]
	remote := keyring.EncryptionKey{ID: "vault-1", KMS: "hcvault://" + vault(t) + "/transit/keys/sando"}
	before, err := envelope.Open([]keyring.EncryptionKey{local})
	if err != nil {
		t.Fatal(err)
	}
	c, err := before.Seal("env", "acc", 1, map[string]string{"api_key": "secret"})
	if err != nil {
		t.Fatal(err)
	}
	both, err := envelope.Open([]keyring.EncryptionKey{remote, local})
	if err != nil {
		t.Fatal(err)
	}
	if c.DataKey, err = both.Rewrap(c.DataKey); err != nil {
		t.Fatal(err)
	}
	after, err := envelope.Open([]keyring.EncryptionKey{remote})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := after.Open(c); err != nil || got["api_key"] != "secret" {
		t.Errorf("from Vault: %v, %v", got, err)
	}
	c.AccountID = "another"
	if _, err := after.Open(c); err == nil {
		t.Error("a data key of another account was unwrapped")
	}
	t.Setenv("VAULT_TOKEN", "revoked-token")
	locked, err := envelope.Open([]keyring.EncryptionKey{remote})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := locked.Seal("env", "acc", 1, nil); err == nil {
		t.Error("Vault took a revoked token")
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Setenv("VAULT_TOKEN", "")
	t.Setenv("HOME", t.TempDir())
	for uri, want := range map[string]string{
		"":                              "looks like",
		"hcvault:///transit/keys/k":     "looks like",
		"hcvault://me:pw@host/t/keys":   "looks like",
		"kms":                           "looks like",
		"azure-kms://vault/key":         "not a key management service that is built in",
		"hcvault://host/transit/keys/k": "VAULT_TOKEN",
	} {
		if _, err := kms.Open(uri); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", uri, err, want)
		}
	}
}
