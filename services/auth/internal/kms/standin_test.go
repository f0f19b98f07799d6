package kms

import (
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// standin is what the stand-ins of the services have in common: keys by name that really encrypt, and a way to fail.
type standin struct {
	t    *testing.T
	url  string
	keys map[string]tink.AEAD
	// fail answers instead of the service, if it is set; it says whether it did.
	fail  atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
	asked atomic.Int64
}

func newStandin(t *testing.T, answer http.HandlerFunc) *standin {
	t.Helper()
	s := &standin{t: t, keys: make(map[string]tink.AEAD)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if fail := s.fail.Load(); fail != nil && (*fail)(w, r) {
			return
		}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// add gives the service a key of its own for a name.
func (s *standin) add(name string) {
	s.t.Helper()
	material := sha256.Sum256([]byte(name))
	key, err := subtle.NewAESGCM(material[:])
	if err != nil {
		s.t.Fatal(err)
	}
	s.keys[name] = key
}

func (s *standin) failing(f func(w http.ResponseWriter, r *http.Request) bool) { s.fail.Store(&f) }

func reply(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func read(t *testing.T, r *http.Request, into any) []byte {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		t.Errorf("request: %v", err)
	}
	return body
}

// remote is a service with a key "one" and a key "two" that is not ours.
type remote struct {
	*standin
	one, two string // URLs
	denied   func(w http.ResponseWriter)
	deniedAs string
}

func (r remote) open(uri string) tink.AEAD {
	r.t.Helper()
	key, err := Open(uri)
	if err != nil {
		r.t.Fatal(err)
	}
	return key
}

// holds checks what every remote key owes: it opens what it sealed and nothing else, says why it was refused, tries again what may pass, and
// gives up in time.
func (r remote) holds() {
	t := r.t
	one, two := r.open(r.one), r.open(r.two)
	plain, place := []byte("a data key"), []byte("its place")
	sealed, err := one.Encrypt(plain, place)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := one.Decrypt(sealed, place); err != nil || string(got) != string(plain) {
		t.Fatalf("opened: %q, %v", got, err)
	}
	if bare, err := one.Encrypt(plain, nil); err != nil {
		t.Error(err)
	} else if got, err := one.Decrypt(bare, nil); err != nil || string(got) != string(plain) {
		t.Errorf("without associated data: %q, %v", got, err)
	}
	altered := append([]byte(nil), sealed...)
	altered[len(altered)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"of another place": func() ([]byte, error) { return one.Decrypt(sealed, []byte("elsewhere")) },
		"altered":          func() ([]byte, error) { return one.Decrypt(altered, place) },
		"of another key":   func() ([]byte, error) { return two.Decrypt(sealed, place) },
	} {
		if got, err := open(); err == nil {
			t.Errorf("what is %s was opened: %q", name, got)
		}
	}

	before := r.asked.Load()
	r.failing(func(w http.ResponseWriter, _ *http.Request) bool { r.denied(w); return true })
	if _, err := one.Decrypt(sealed, place); err == nil || !strings.Contains(err.Error(), r.deniedAs) {
		t.Errorf("denied: %v, want %q", err, r.deniedAs)
	}
	if n := r.asked.Load() - before; n != 1 {
		t.Errorf("a refusal was asked for %d times", n)
	}
	var left atomic.Int64
	left.Store(2)
	r.failing(func(w http.ResponseWriter, _ *http.Request) bool {
		if left.Add(-1) < 0 {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	if got, err := one.Decrypt(sealed, place); err != nil || string(got) != string(plain) {
		t.Errorf("after two failures that pass: %q, %v", got, err)
	}
	r.failing(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Location", r.url+"/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	})
	before = r.asked.Load()
	if _, err := one.Decrypt(sealed, place); err == nil || r.asked.Load() != before+1 {
		t.Errorf("redirected: %v after %d requests, want an error after one", err, r.asked.Load()-before)
	}
	r.failing(func(w http.ResponseWriter, _ *http.Request) bool { _, _ = io.WriteString(w, "<html>"); return true })
	if _, err := one.Decrypt(sealed, place); err == nil {
		t.Error("an answer that is no JSON was taken")
	}
	r.failing(func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = io.WriteString(w, `{"error":{}}`)
		return true
	})
	if got, err := one.Decrypt(sealed, place); err == nil {
		t.Errorf("an answer that holds nothing was taken for %q", got)
	}
}

// givesUp checks that a service that does not answer is not waited for.
func (r remote) givesUp(key tink.AEAD, c *caller) {
	r.t.Helper()
	c.timeout = 50 * time.Millisecond
	r.failing(func(_ http.ResponseWriter, q *http.Request) bool {
		_, _ = io.Copy(io.Discard, q.Body)
		<-q.Context().Done()
		return true
	})
	if _, err := key.Encrypt([]byte("x"), nil); err == nil || !strings.Contains(err.Error(), "deadline exceeded") {
		r.t.Errorf("no answer: %v, want a deadline", err)
	}
}
