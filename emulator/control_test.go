package emulator_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sando-dev/sando/emulator"
)

func TestControlRoutes(t *testing.T) {
	e, c := start(t, emulator.Options{Control: true})
	call := func(method, path, body string) (int, string) {
		w := c.fetch(method, "http://torii.test"+emulator.ControlPath+path, nil, []byte(body))
		return w.Code, w.Body.String()
	}
	code, listed := call("POST", "/faults", `[{"kind":"slow","operation":"users.list","delay":"1ms"},{"kind":"status","status":503,"times":2}]`)
	if code != http.StatusOK || !strings.Contains(listed, `"delay": "1ms"`) || len(e.Faults()) != 2 {
		t.Errorf("order: %d %s", code, listed)
	}
	for _, bad := range []string{`{"kind":"nonsense"}`, `{"kind":"slow","delay":"soon"}`, `{"kind":"slow","what":1}`, `[]`, ``, `[{"kind":"slow"},{"kind":"x"}]`} {
		if code, text := call("POST", "/faults", bad); code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", bad, code, text)
		}
	}
	if len(e.Faults()) != 2 {
		t.Errorf("refused orders left %d faults", len(e.Faults()))
	}
	c.get("/users").want(http.StatusOK)
	c.get("/users").want(http.StatusServiceUnavailable)
	c.send("PUT", "/users/1000", `{"lifecycleStatus":"offboarded"}`).want(http.StatusServiceUnavailable)
	c.with("Idempotency-Key", "abc").send("PUT", "/users/1000", `{"lifecycleStatus":"offboarded"}`).want(http.StatusOK)

	_, text := call("GET", "/requests", "")
	var log []emulator.Request
	if err := json.Unmarshal([]byte(text), &log); err != nil {
		t.Fatal(err)
	}
	last := log[len(log)-1]
	if len(log) != 4 || last.Seq != 4 || last.Count != 2 || !last.Committed || last.Operation != "users.update" || last.Header["Idempotency-Key"] != "abc" || last.OrgID != emulator.DefaultOrgID {
		t.Errorf("log %s", text)
	}
	if strings.Contains(text, emulator.DefaultKey) || last.KeyDigest == "" {
		t.Error("the log holds the key, or no digest of it")
	}
	_, state := call("GET", "/state", "")
	if !strings.Contains(state, `"users": 250`) || !strings.Contains(state, `"requests": 4`) {
		t.Errorf("state %s", state)
	}
	if code, state := call("POST", "/rows", `{"list":"contracts.list","insert":3,"remove":1}`); code != http.StatusOK || !strings.Contains(state, `"contracts": 62`) {
		t.Errorf("rows: %d %s", code, state)
	}
	for _, bad := range []string{`{"list":"x","insert":1}`, `{"list":"users.list","remove":1}`, `{"list":"audit.list"}`, `{"list":"audit.list","insert":-1}`, `{"org":3,"list":"audit.list","insert":1}`, `{"list":"audit.list","remove":9999}`, `{"rows":1}`} {
		if code, text := call("POST", "/rows", bad); code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", bad, code, text)
		}
	}
	call("POST", "/faults", `{"kind":"status","times":-1}`)
	call("POST", "/reset", "")
	if got := c.get("/users/1000").want(http.StatusOK).at("user", "lifecycleStatus"); got != "active" {
		t.Errorf("after the reset: %v", got)
	}
	if n := len(e.Requests()); n != 1 {
		t.Errorf("%d requests logged after the reset, want 1", n)
	}
	call("DELETE", "/requests", "")
	call("POST", "/faults", `{"kind":"status"}`)
	call("DELETE", "/faults", "")
	if len(e.Requests()) != 0 || len(e.Faults()) != 0 {
		t.Error("DELETE clears nothing")
	}
}

func TestControlIsOffByDefault(t *testing.T) {
	_, c := start(t, emulator.Options{})
	if w := c.fetch("GET", "http://torii.test"+emulator.ControlPath+"/state", nil, nil); w.Code != http.StatusNotFound {
		t.Errorf("status %d", w.Code)
	}
}

func TestGzipWhenAccepted(t *testing.T) {
	for _, bench := range []bool{false, true} {
		_, c := start(t, emulator.Options{Bench: bench})
		plain := c.get("/users").want(http.StatusOK)
		if plain.header.Get("Content-Encoding") != "" || plain.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("headers %v", plain.header)
		}
		for range 2 {
			packed := c.with("Accept-Encoding", "br, gzip").get("/users").want(http.StatusOK)
			if packed.header.Get("Content-Encoding") != "gzip" {
				t.Fatalf("headers %v", packed.header)
			}
			z, err := gzip.NewReader(bytes.NewReader(packed.body))
			if err != nil {
				t.Fatal(err)
			}
			if unpacked, err := io.ReadAll(z); err != nil || !bytes.Equal(unpacked, plain.body) {
				t.Errorf("unpacked %d bytes, want %d: %v", len(unpacked), len(plain.body), err)
			}
		}
		if small := c.with("Accept-Encoding", "gzip").get("/orgs/my"); small.header.Get("Content-Encoding") != "" {
			t.Error("a small answer is packed")
		}
		if refused := c.with("Accept-Encoding", "gzip;q=0").get("/users"); refused.header.Get("Content-Encoding") != "" {
			t.Error("gzip;q=0 is packed")
		}
	}
}

func TestBenchServesBigPagesAndSeesWrites(t *testing.T) {
	e, c := start(t, emulator.Options{Bench: true, Users: 20_000, NoRateLimits: true})
	if n := len(c.get("/users?size=20000").rows("users")); n != 20_000 {
		t.Errorf("%d users on a page, want 20000", n)
	}
	first := c.get("/users?size=5").body
	if again := c.get("/users?size=5").body; !bytes.Equal(first, again) {
		t.Error("two reads differ")
	}
	c.send("PUT", "/users/1000", `{"lifecycleStatus":"offboarded"}`).want(http.StatusOK)
	if after := c.get("/users?size=5").body; bytes.Equal(first, after) {
		t.Error("a write is not seen")
	}
	if len(e.Requests()) != 0 {
		t.Error("bench mode logs requests")
	}
}

func TestConcurrentReadsAndWrites(t *testing.T) {
	e, c := start(t, emulator.Options{NoRateLimits: true})
	done := make(chan int)
	for range 4 {
		go func() {
			created := 0
			for range 25 {
				if c.send("POST", "/contracts", `{"name":"x","idApp":1000,"status":"active"}`).status == http.StatusOK {
					created++
				}
				c.get("/contracts")
				e.Snapshot()
			}
			done <- created
		}()
	}
	sum := 0
	for range 4 {
		sum += <-done
	}
	if n := e.Snapshot().Orgs[0].Contracts; sum != 100 || n != 160 {
		t.Errorf("%d created, %d contracts, want 100 and 160", sum, n)
	}
}
