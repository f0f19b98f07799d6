package kms

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// keyARN is the full name of a key: partition, region, account, id.
var keyARN = regexp.MustCompile(`\Aarn:(aws[a-z-]*):kms:([a-z0-9-]+):[0-9]{12}:key/[A-Za-z0-9-]+\z`)

// awsKey is a key of AWS KMS, by its API of JSON over HTTPS:
// https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html. The SDK's own client for it weighs four megabytes.
type awsKey struct {
	caller
	arn, endpoint string
}

func openAWS(name string) (tink.AEAD, error) {
	parts := keyARN.FindStringSubmatch(name)
	if parts == nil {
		return nil, errors.New("kms: the URL of a key in AWS KMS looks like aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID; an alias may move, so it is not taken")
	}
	partition, region := parts[1], parts[2]
	at := "https://kms." + region + ".amazonaws.com"
	if partition == "aws-cn" {
		at += ".cn"
	}
	for _, variable := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS"} {
		if value := os.Getenv(variable); value != "" {
			var err error
			if at, err = endpoint(variable, value); err != nil {
				return nil, err
			}
		}
	}
	credentials, err := awsCredentials(region)
	if err != nil {
		return nil, err
	}
	k := &awsKey{arn: name, endpoint: at}
	signer := v4.NewSigner()
	k.caller = caller{
		service: "AWS KMS", client: newClient(), timeout: timeout, fault: awsFault,
		prepare: func(ctx context.Context, r *http.Request, body []byte) error {
			c, err := credentials.Retrieve(ctx)
			if err != nil {
				return fmt.Errorf("credentials: %w", err)
			}
			digest := sha256.Sum256(body)
			return signer.SignHTTP(ctx, c, r, hex.EncodeToString(digest[:]), "kms", region, time.Now())
		},
	}
	return k, nil
}

// Encrypt implements tink.AEAD.
func (k *awsKey) Encrypt(plaintext, associatedData []byte) ([]byte, error) {
	a, err := k.call("Encrypt", awsMessage{Plaintext: plaintext, EncryptionContext: awsContext(associatedData)})
	if err != nil {
		return nil, err
	}
	return some(a.CiphertextBlob)
}

// Decrypt implements tink.AEAD.
func (k *awsKey) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	a, err := k.call("Decrypt", awsMessage{CiphertextBlob: ciphertext, EncryptionContext: awsContext(associatedData)})
	if err != nil {
		return nil, err
	}
	return some(a.Plaintext)
}

// awsMessage is the body of both calls and of their answers; bytes are base64.
type awsMessage struct {
	KeyID             string            `json:"KeyId"`
	Plaintext         []byte            `json:",omitempty"`
	CiphertextBlob    []byte            `json:",omitempty"`
	EncryptionContext map[string]string `json:",omitempty"`
}

// awsContext is how Tink's client for AWS hands on associated data.
func awsContext(associatedData []byte) map[string]string {
	if len(associatedData) == 0 {
		return nil
	}
	return map[string]string{"associatedData": hex.EncodeToString(associatedData)}
}

func (k *awsKey) call(action string, m awsMessage) (awsMessage, error) {
	m.KeyID = k.arn
	var answer awsMessage
	header := map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService." + action}
	if err := k.ask(k.endpoint, header, m, &answer); err != nil {
		return awsMessage{}, err
	}
	if answer.KeyID != k.arn {
		return awsMessage{}, fmt.Errorf("kms: AWS KMS used the key %q instead of %q", answer.KeyID, k.arn)
	}
	return answer, nil
}

// awsFault reads an error of the JSON protocol.
func awsFault(_ int, body []byte) (text string, retry bool) {
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
		Upper   string `json:"Message"`
	}
	if json.Unmarshal(body, &e) != nil || e.Type == "" {
		return "no error of AWS KMS came with it", false
	}
	_, kind, ok := strings.Cut(e.Type, "#")
	if !ok {
		kind = e.Type
	}
	return short(kind + ": " + cmp.Or(e.Message, e.Upper)), kind == "ThrottlingException" || kind == "KMSInternalException" || kind == "DependencyTimeoutException"
}
