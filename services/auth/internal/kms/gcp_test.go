package kms

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/tink"
)

const ring = "projects/acme/locations/europe-west3/keyRings/sando/cryptoKeys/"

// gcpStandin stands in for Cloud KMS and for the token endpoint of its service account.
func gcpStandin(t *testing.T) remote {
	t.Helper()
	var s *standin
	s = newStandin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			if r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || strings.Count(r.PostFormValue("assertion"), ".") != 2 {
				t.Errorf("asked for a token: %v", r.Form)
			}
			w.Header().Set("Content-Type", "application/json")
			reply(w, 200, map[string]any{"access_token": "ya29.of-the-test", "token_type": "Bearer", "expires_in": 3600})
			return
		}
		name, action, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/"), ":")
		key, ok := s.keys[name]
		switch {
		case r.Header.Get("Authorization") != "Bearer ya29.of-the-test":
			reply(w, 401, gcpError("UNAUTHENTICATED", "no valid token"))
		case !ok:
			reply(w, 404, gcpError("NOT_FOUND", "no such key"))
		default:
			var in gcpMessage
			read(t, r, &in)
			status, out := work(t, key, name, action, in)
			reply(w, status, out)
		}
	})
	s.add(ring + "one")
	s.add(ring + "two")
	t.Setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", s.url+"/")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", serviceAccount(t, s.url+"/token"))
	return remote{
		standin: s, one: "gcp-kms://" + ring + "one", two: "gcp-kms://" + ring + "two", deniedAs: "PERMISSION_DENIED: Permission 'useToDecrypt' denied",
		denied: func(w http.ResponseWriter) {
			reply(w, 403, gcpError("PERMISSION_DENIED", "Permission 'useToDecrypt' denied"))
		},
	}
}

func gcpError(status, message string) any {
	return map[string]any{"error": map[string]any{"status": status, "message": message}}
}

// work does what a key is asked, and checks the checksums that came.
func work(t *testing.T, key tink.AEAD, name, action string, in gcpMessage) (status int, out any) {
	t.Helper()
	ad := in.AdditionalAuthenticatedData
	if crc32c(in.Plaintext) != in.PlaintextCrc32c || crc32c(in.Ciphertext) != in.CiphertextCrc32c || crc32c(ad) != in.AdditionalAuthenticatedDataCrc32c {
		t.Errorf("checksums of %s do not fit", action)
	}
	switch action {
	case "encrypt":
		sealed, err := key.Encrypt(in.Plaintext, ad)
		if err != nil {
			t.Error(err)
		}
		return 200, gcpMessage{
			Name: name + "/cryptoKeyVersions/1", Ciphertext: sealed, CiphertextCrc32c: crc32c(sealed),
			VerifiedPlaintextCrc32c: true, VerifiedDataCrc32c: len(ad) > 0,
		}
	case "decrypt":
		plain, err := key.Decrypt(in.Ciphertext, ad)
		if err != nil {
			return 400, gcpError("INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.")
		}
		return 200, gcpMessage{Plaintext: plain, PlaintextCrc32c: crc32c(plain)}
	}
	t.Errorf("asked for %q", action)
	return 500, nil
}

func serviceAccount(t *testing.T, tokenURL string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "sando@acme.iam.gserviceaccount.com", "token_uri": tokenURL,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestGCPKey(t *testing.T) {
	s := gcpStandin(t)
	s.holds()
	key := s.open(s.one).(*gcpKey)
	sealed := func(change func(*gcpMessage)) error {
		s.failing(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/token" {
				return false
			}
			m := gcpMessage{Name: ring + "one/cryptoKeyVersions/1", Ciphertext: []byte("c"), CiphertextCrc32c: crc32c([]byte("c")), VerifiedPlaintextCrc32c: true}
			change(&m)
			reply(w, 200, m)
			return true
		})
		_, err := key.Encrypt([]byte("x"), nil)
		return err
	}
	if err := sealed(func(*gcpMessage) {}); err != nil {
		t.Errorf("whole: %v", err)
	}
	for name, change := range map[string]func(*gcpMessage){
		"another key":              func(m *gcpMessage) { m.Name = ring + "two/cryptoKeyVersions/1" },
		"a damaged ciphertext":     func(m *gcpMessage) { m.CiphertextCrc32c++ },
		"a plaintext not verified": func(m *gcpMessage) { m.VerifiedPlaintextCrc32c = false },
	} {
		if err := sealed(change); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	s.givesUp(key, &key.caller)
}

func TestGCPRefuses(t *testing.T) {
	gcpStandin(t)
	refuses := func(uri, want string) {
		t.Helper()
		if _, err := Open(uri); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", uri, err, want)
		}
	}
	refuses("gcp-kms://projects/acme/locations/x/keyRings/r", "looks like")
	refuses("gcp-kms://"+ring+"one/cryptoKeyVersions/1", "looks like")
	refuses("gcp-kms://projects/a?b/locations/x/keyRings/r/cryptoKeys/k", "looks like")
	t.Setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", "http://kms.example")
	refuses("gcp-kms://"+ring+"one", "must be an https URL")
	t.Setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", "")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none.json"))
	refuses("gcp-kms://"+ring+"one", "Cloud KMS")
}
