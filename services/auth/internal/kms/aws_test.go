package kms

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	region   = "eu-central-1"
	ourARN   = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	theirARN = "arn:aws:kms:eu-central-1:111122223333:key/mrk-00000000000000000000000000000000"
)

// awsStandin stands in for AWS KMS. It checks the signature of every request against the credentials that its users may have.
func awsStandin(t *testing.T, users ...aws.Credentials) remote {
	t.Helper()
	for _, e := range os.Environ() { // none of the machine's own
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	var s *standin
	s = newStandin(t, func(w http.ResponseWriter, r *http.Request) {
		var in awsMessage
		body := read(t, r, &in)
		if !slices.ContainsFunc(users, func(u aws.Credentials) bool { return signedBy(t, r, body, u) }) {
			reply(w, 400, map[string]string{"__type": "com.amazon.coral.service#UnrecognizedClientException", "message": "The security token included in the request is invalid."})
			return
		}
		key, ok := s.keys[in.KeyID]
		if !ok {
			reply(w, 400, map[string]string{"__type": "NotFoundException", "message": "no such key"})
			return
		}
		for name := range in.EncryptionContext {
			if name != "associatedData" {
				t.Errorf("encryption context %v", in.EncryptionContext)
			}
		}
		ad, _ := json.Marshal(in.EncryptionContext)
		out := awsMessage{KeyID: in.KeyID}
		var err error
		switch r.Header.Get("X-Amz-Target") {
		case "TrentService.Encrypt":
			out.CiphertextBlob, err = key.Encrypt(in.Plaintext, ad)
		case "TrentService.Decrypt":
			out.Plaintext, err = key.Decrypt(in.CiphertextBlob, ad)
		default:
			err = fmt.Errorf("action %q", r.Header.Get("X-Amz-Target"))
		}
		if err != nil {
			reply(w, 400, map[string]string{"__type": "InvalidCiphertextException"})
			return
		}
		reply(w, 200, out)
	})
	s.add(ourARN)
	s.add(theirARN)
	t.Setenv("AWS_ENDPOINT_URL_KMS", s.url)
	return remote{
		standin: s, one: "aws-kms://" + ourARN, two: "aws-kms://" + theirARN, deniedAs: "AccessDeniedException: not authorized to perform kms:Decrypt",
		denied: func(w http.ResponseWriter) {
			reply(w, 400, map[string]string{"__type": "AccessDeniedException", "Message": "not authorized to perform kms:Decrypt"})
		},
	}
}

// signedBy signs the request again as u and compares.
func signedBy(t *testing.T, r *http.Request, body []byte, u aws.Credentials) bool {
	t.Helper()
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(at).Abs() > time.Minute {
		return false
	}
	again, err := http.NewRequestWithContext(context.Background(), r.Method, "http://"+r.Host+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Content-Type", "X-Amz-Target"} {
		again.Header.Set(name, r.Header.Get(name))
	}
	digest := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(context.Background(), u, again, hex.EncodeToString(digest[:]), "kms", region, at); err != nil {
		t.Fatal(err)
	}
	return again.Header.Get("Authorization") == r.Header.Get("Authorization") && r.Header.Get("X-Amz-Security-Token") == u.SessionToken
}

func TestAWSKey(t *testing.T) {
	s := awsStandin(t, aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "the secret", SessionToken: "the session"})
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "the secret")
	t.Setenv("AWS_SESSION_TOKEN", "the session")
	s.holds()
	key := s.open(s.one).(*awsKey)
	s.givesUp(key, &key.caller)

	s.failing(func(w http.ResponseWriter, _ *http.Request) bool {
		reply(w, 200, awsMessage{KeyID: theirARN, CiphertextBlob: []byte("x")})
		return true
	})
	if _, err := s.open(s.one).Encrypt([]byte("x"), nil); err == nil || !strings.Contains(err.Error(), "instead of") {
		t.Errorf("another key was used: %v", err)
	}
	s.failing(func(http.ResponseWriter, *http.Request) bool { return false })
	t.Setenv("AWS_SECRET_ACCESS_KEY", "a wrong secret")
	_, err := s.open(s.one).Encrypt([]byte("a data key"), nil)
	if err == nil || !strings.Contains(err.Error(), "UnrecognizedClientException") || strings.Contains(err.Error(), "a wrong secret") {
		t.Errorf("a wrong secret: %v", err)
	}
}

// Where AWS puts credentials on a server: the token of a pod, the endpoint of a container.
func TestAWSCredentials(t *testing.T) {
	s := awsStandin(t, aws.Credentials{AccessKeyID: "ASIAPOD", SecretAccessKey: "of the pod", SessionToken: "s1"},
		aws.Credentials{AccessKeyID: "ASIATASK", SecretAccessKey: "of the task", SessionToken: "s2"})
	works := func(name string) {
		t.Helper()
		if _, err := s.open(s.one).Encrypt([]byte("x"), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("header.payload.signature"), 0o600); err != nil {
		t.Fatal(err)
	}
	roles := newStandin(t, func(w http.ResponseWriter, r *http.Request) {
		expires := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		if r.Method == http.MethodGet && r.Header.Get("Authorization") == "header.payload.signature" {
			reply(w, 200, map[string]string{"AccessKeyId": "ASIATASK", "SecretAccessKey": "of the task", "Token": "s2", "Expiration": expires})
			return
		}
		if r.PostFormValue("Action") != "AssumeRoleWithWebIdentity" || r.PostFormValue("RoleArn") != "arn:aws:iam::111122223333:role/sando" ||
			r.PostFormValue("WebIdentityToken") != "header.payload.signature" {
			t.Errorf("asked for a role: %s %s %v", r.Method, r.URL, r.Form)
		}
		fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>`+
			`<AccessKeyId>ASIAPOD</AccessKeyId><SecretAccessKey>of the pod</SecretAccessKey><SessionToken>s1</SessionToken><Expiration>%s</Expiration>`+
			`</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, expires)
	})
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", roles.url)
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file)
	works("a container's endpoint")
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file)
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/sando")
	t.Setenv("AWS_ENDPOINT_URL_STS", roles.url)
	works("a web identity")
}

func TestAWSRefuses(t *testing.T) {
	awsStandin(t)
	refuses := func(uri, want string) {
		t.Helper()
		if _, err := Open(uri); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", uri, err, want)
		}
	}
	refuses("aws-kms://arn:aws:kms:eu-central-1:111122223333:alias/sando", "an alias may move")
	refuses("aws-kms://arn:aws:kms:eu-central-1.evil.example/:111122223333:key/x", "looks like")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	refuses("aws-kms://"+ourARN, "no credentials")
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://metadata.example/creds")
	refuses("aws-kms://"+ourARN, "must be an https URL")
	t.Setenv("AWS_ENDPOINT_URL_KMS", "http://kms.example")
	refuses("aws-kms://"+ourARN, "AWS_ENDPOINT_URL_KMS must be an https URL")
}
