package writes_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sando-dev/sando/services/proxy/internal/writes"
	"github.com/sando-dev/sando/services/proxy/internal/writes/writestest"
)

// FuzzIdentity: two requests share a digest if and only if they are equal in
// everything. The second is the first with each of its parts cut elsewhere, so
// that what moves from one part to the next is tried as well.
func FuzzIdentity(f *testing.F) {
	f.Add("env", "account", "torii.users.update", "PUT", "/v1.0/users/1", "a=b", "application/json", "data", "x", []byte(`{}`), 1)
	f.Add("", "", "", "DELETE", "/users/1", "", "", "", "", []byte(nil), 0)
	f.Add("e", "a\x00", "o\x01", "P", "/p?", "q", "c", "f", "f", []byte{0, 0, 0, 0, 0, 0, 0, 1}, 3)
	f.Fuzz(func(t *testing.T, env, account, op, verb, path, query, media, form, field string, body []byte, cut int) {
		first := writes.Identity{
			Environment: env, Account: account, Operation: op, Verb: verb, Path: path, Query: query,
			ContentType: media, Form: form, Fields: []string{field}, Body: body,
		}
		for name, second := range writestest.Shifts(first, cut) {
			equal := cmp.Equal(first, second, cmpopts.EquateEmpty())
			if shared := first.Digest() == second.Digest(); shared != equal {
				t.Errorf("%s: digests shared: %v, requests equal: %v\n%+v\n%+v", name, shared, equal, first, second)
			}
		}
	})
}

// TestS2WriteIdentity changes one component after the other.
func TestS2WriteIdentity(t *testing.T) {
	itself := writestest.Request()
	digests := map[[32]byte]string{itself.Digest(): "the request itself"}
	for name, other := range writestest.Others() {
		if same, taken := digests[other.Digest()]; taken {
			t.Errorf("%s has the digest of %s", name, same)
		}
		digests[other.Digest()] = name
	}
	again := writestest.Request()
	if digests[again.Digest()] != "the request itself" {
		t.Error("the same request has another digest the second time")
	}
}
