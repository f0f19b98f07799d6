package kms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"os"
	"regexp"
	"strings"

	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// keyName is the full name of a key, without a version: Cloud KMS encrypts with the primary one and finds the right one when it decrypts.
var keyName = regexp.MustCompile(`\Aprojects/[^/?#]+/locations/[^/?#]+/keyRings/[A-Za-z0-9_-]+/cryptoKeys/[A-Za-z0-9_-]+\z`)

// gcpKey is a key of Google Cloud KMS, by its API of JSON over HTTPS:
// https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys. Google's own client comes with gRPC and a second
// stack of telemetry, in versions that are not ours.
type gcpKey struct {
	caller
	name, endpoint string
}

func openGCP(name string) (tink.AEAD, error) {
	if !keyName.MatchString(name) {
		return nil, errors.New("kms: the URL of a key in Cloud KMS looks like gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K")
	}
	at := "https://cloudkms.googleapis.com"
	const override = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS"
	if value := os.Getenv(override); value != "" {
		var err error
		if at, err = endpoint(override, value); err != nil {
			return nil, err
		}
	}
	// Tokens are fetched when they are needed, under a time limit of their own.
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Timeout: timeout})
	credentials, err := google.FindDefaultCredentials(ctx, "https://www.googleapis.com/auth/cloudkms")
	if err != nil {
		return nil, fmt.Errorf("kms: Cloud KMS: %w", err)
	}
	return &gcpKey{
		name: name, endpoint: strings.TrimSuffix(at, "/"),
		caller: caller{
			service: "Cloud KMS", client: newClient(), timeout: timeout, fault: gcpFault,
			prepare: func(_ context.Context, r *http.Request, _ []byte) error {
				token, err := credentials.TokenSource.Token()
				if err != nil {
					return fmt.Errorf("credentials: %w", err)
				}
				token.SetAuthHeader(r)
				return nil
			},
		},
	}, nil
}

// gcpMessage is the body of both calls and of their answers; bytes are base64, and checksums tell whether they arrived whole.
type gcpMessage struct {
	Name                              string `json:"name,omitempty"` // of the key version, in an answer
	Plaintext                         []byte `json:"plaintext,omitempty"`
	PlaintextCrc32c                   int64  `json:"plaintextCrc32c,omitempty,string"`
	Ciphertext                        []byte `json:"ciphertext,omitempty"`
	CiphertextCrc32c                  int64  `json:"ciphertextCrc32c,omitempty,string"`
	AdditionalAuthenticatedData       []byte `json:"additionalAuthenticatedData,omitempty"`
	AdditionalAuthenticatedDataCrc32c int64  `json:"additionalAuthenticatedDataCrc32c,omitempty,string"`
	VerifiedPlaintextCrc32c           bool   `json:"verifiedPlaintextCrc32c,omitempty"`
	VerifiedDataCrc32c                bool   `json:"verifiedAdditionalAuthenticatedDataCrc32c,omitempty"`
}

var errDamaged = errors.New("kms: Cloud KMS: the bytes were damaged on their way")

// Encrypt implements tink.AEAD.
func (k *gcpKey) Encrypt(plaintext, associatedData []byte) ([]byte, error) {
	a, err := k.call("encrypt", gcpMessage{Plaintext: plaintext, PlaintextCrc32c: crc32c(plaintext)}, associatedData)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(a.Name, k.name+"/") {
		return nil, fmt.Errorf("kms: Cloud KMS used the key %q instead of %q", a.Name, k.name)
	}
	if !a.VerifiedPlaintextCrc32c || len(associatedData) > 0 && !a.VerifiedDataCrc32c || crc32c(a.Ciphertext) != a.CiphertextCrc32c {
		return nil, errDamaged
	}
	return some(a.Ciphertext)
}

// Decrypt implements tink.AEAD.
func (k *gcpKey) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	a, err := k.call("decrypt", gcpMessage{Ciphertext: ciphertext, CiphertextCrc32c: crc32c(ciphertext)}, associatedData)
	if err != nil {
		return nil, err
	}
	if crc32c(a.Plaintext) != a.PlaintextCrc32c {
		return nil, errDamaged
	}
	return some(a.Plaintext)
}

func (k *gcpKey) call(action string, m gcpMessage, associatedData []byte) (gcpMessage, error) {
	m.AdditionalAuthenticatedData, m.AdditionalAuthenticatedDataCrc32c = associatedData, crc32c(associatedData)
	var answer gcpMessage
	err := k.ask(k.endpoint+"/v1/"+k.name+":"+action, nil, m, &answer)
	return answer, err
}

func crc32c(b []byte) int64 { return int64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))) }

// gcpFault reads an error of a Google API.
func gcpFault(_ int, body []byte) (text string, retry bool) {
	var e struct {
		Error struct {
			Status  string `json:"status"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &e) != nil || e.Error.Status == "" {
		return "no error of Cloud KMS came with it", false
	}
	return short(e.Error.Status + ": " + e.Error.Message), false
}
