package emulator_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sando-dev/sando/emulator"
)

// wired serves an emulator on loopback, for the faults that need a connection.
func wired(t *testing.T, e *emulator.Emulator) *http.Client {
	t.Helper()
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	client := server.Client()
	client.Timeout = 10 * time.Second
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Transport = &base{origin: server.URL, next: &http.Transport{DisableCompression: true}}
	return client
}

// base sends requests for http://torii.test to the server, with the default key.
type base struct {
	origin string
	next   http.RoundTripper
}

func (b *base) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(b.origin, "http://")
	r.Header.Set("Authorization", "Bearer "+emulator.DefaultKey)
	return b.next.RoundTrip(r)
}

func inject(t *testing.T, e *emulator.Emulator, f emulator.Fault) {
	t.Helper()
	if err := e.Inject(f); err != nil {
		t.Fatal(err)
	}
}

const usersURL = "http://torii.test" + emulator.BasePath + "/users?size=50"

func TestFaultsThatAnswerInstead(t *testing.T) {
	for _, tt := range []struct {
		fault  emulator.Fault
		status int
		header string // name=value that must be there
		body   string
	}{
		{emulator.Fault{Kind: emulator.FaultStatus}, 500, "", `"statusCode":500`},
		{emulator.Fault{Kind: emulator.FaultStatus, Status: 502}, 502, "Content-Type=text/html; charset=utf-8", "<html>"},
		{emulator.Fault{Kind: emulator.FaultStatus, Status: 503, RetryAfter: "3"}, 503, "Retry-After=3", "<html>"},
		{emulator.Fault{Kind: emulator.FaultRateLimited, RetryAfter: "12"}, 429, "Retry-After=12", `"statusCode":429`},
		{emulator.Fault{Kind: emulator.FaultRateLimited}, 429, "Retry-After=", `"Too Many Requests"`},
		{emulator.Fault{Kind: emulator.FaultUnauthorized}, 401, "", `"Unauthorized"`},
		{emulator.Fault{Kind: emulator.FaultForbidden}, 403, "", "missing_required_scope"},
		{emulator.Fault{Kind: emulator.FaultRedirect, Location: "https://elsewhere.example/"}, 302, "Location=https://elsewhere.example/", ""},
		{emulator.Fault{Kind: emulator.FaultWrongContent}, 200, "Content-Type=text/html; charset=utf-8", "Sign in"},
		{emulator.Fault{Kind: emulator.FaultEmptyBody}, 200, "Content-Length=0", ""},
	} {
		e, c := start(t, emulator.Options{})
		inject(t, e, tt.fault)
		r := c.get("/users").want(tt.status)
		name, value, _ := strings.Cut(tt.header, "=")
		if r.header.Get(name) != value || !bytes.Contains(r.body, []byte(tt.body)) {
			t.Errorf("%s %d: headers %v, body %.100s", tt.fault.Kind, tt.fault.Status, r.header, r.body)
		}
		c.get("/users").want(http.StatusOK) // once only
	}
}

func TestFaultsInsteadOfWritesChangeNothing(t *testing.T) {
	for _, kind := range []emulator.FaultKind{emulator.FaultStatus, emulator.FaultRateLimited, emulator.FaultUnauthorized, emulator.FaultRedirect} {
		e, c := start(t, emulator.Options{})
		inject(t, e, emulator.Fault{Kind: kind, Method: "PUT"})
		c.send("PUT", "/users/1000", `{"lifecycleStatus":"offboarded"}`)
		if got := c.get("/users/1000").at("user", "lifecycleStatus"); got != "active" {
			t.Errorf("%s: the write was done", kind)
		}
		if e.Requests()[0].Committed {
			t.Errorf("%s: logged as committed", kind)
		}
	}
}

func TestFaultsAreMatched(t *testing.T) {
	e, c := start(t, emulator.Options{})
	failing := func(f emulator.Fault, paths ...string) (failed []string) {
		t.Helper()
		f.Kind = emulator.FaultStatus
		inject(t, e, f)
		defer e.ClearFaults()
		for _, path := range paths {
			if c.get(path).status == http.StatusInternalServerError {
				failed = append(failed, path)
			}
		}
		return failed
	}
	for _, tt := range []struct {
		fault emulator.Fault
		want  string
	}{
		{emulator.Fault{Times: -1}, "/users /users/1000 /users/1001 /roles"},
		{emulator.Fault{Times: -1, Operation: "users.get"}, "/users/1000 /users/1001"},
		{emulator.Fault{Times: -1, Path: "/users/{idUser}"}, "/users/1000 /users/1001"},
		{emulator.Fault{Times: -1, Path: "/users/*"}, "/users/1000 /users/1001"},
		{emulator.Fault{Times: -1, Path: "/users/1001"}, "/users/1001"},
		{emulator.Fault{Times: -1, Method: "PUT"}, ""},
		{emulator.Fault{}, "/users"},
		{emulator.Fault{Times: 2}, "/users /users/1000"},
		{emulator.Fault{Times: 2, Skip: 1}, "/users/1000 /users/1001"},
	} {
		if got := strings.Join(failing(tt.fault, "/users", "/users/1000", "/users/1001", "/roles"), " "); got != tt.want {
			t.Errorf("%+v: %q fail, want %q", tt.fault, got, tt.want)
		}
	}
	for _, bad := range []emulator.Fault{{Kind: "nonsense"}, {Kind: emulator.FaultStatus, Path: "["}, {Kind: emulator.FaultStatus, Operation: "x"}, {Kind: emulator.FaultStatus, Status: 99}} {
		if e.Inject(bad) == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func TestPagingFaults(t *testing.T) {
	first := func(t *testing.T, kind emulator.FaultKind) (client, []string, string) {
		e, c := start(t, emulator.Options{})
		page := c.get("/users?size=10")
		inject(t, e, emulator.Fault{Kind: kind, Operation: "users.list", Times: -1})
		return c, column(page.rows("users"), "id"), page.next()
	}
	second := func(c client, cursor string) (result, []string) {
		r := c.get("/users?size=10&cursor=" + strings.ReplaceAll(cursor, "=", "%3D"))
		return r, column(r.rows("users"), "id")
	}
	t.Run("row inserted", func(t *testing.T) {
		c, ids, cursor := first(t, emulator.FaultRowInserted)
		if _, next := second(c, cursor); next[0] != ids[9] {
			t.Errorf("the second page starts with %s, want %s again", next[0], ids[9])
		}
		if got := column(c.get("/users?size=10").rows("users"), "id"); got[0] != ids[0] {
			t.Errorf("a first page is changed: %v", got)
		}
	})
	t.Run("row removed", func(t *testing.T) {
		c, _, cursor := first(t, emulator.FaultRowRemoved)
		if _, next := second(c, cursor); next[0] != "1011" {
			t.Errorf("the second page starts with %s, want 1011", next[0])
		}
	})
	t.Run("duplicate rows", func(t *testing.T) {
		c, _, cursor := first(t, emulator.FaultDuplicateRows)
		if _, next := second(c, cursor); len(next) != 11 || next[9] != next[10] {
			t.Errorf("rows %v", next)
		}
	})
	t.Run("cursor loop", func(t *testing.T) {
		c, _, cursor := first(t, emulator.FaultCursorLoop)
		r, _ := second(c, cursor)
		if r.next() != cursor {
			t.Errorf("nextCursor %s, want %s again", r.next(), cursor)
		}
		if c.get("/users").next() == "" {
			t.Error("a list of one page ends")
		}
	})
	t.Run("empty page", func(t *testing.T) {
		c, _, cursor := first(t, emulator.FaultEmptyPage)
		r, rows := second(c, cursor)
		if len(rows) != 0 || r.next() == "" || r.next() == cursor {
			t.Fatalf("%d rows, nextCursor %q", len(rows), r.next())
		}
		c.h.(*emulator.Emulator).ClearFaults()
		if _, rows := second(c, r.next()); rows[0] != "1010" {
			t.Errorf("after the empty page comes %s, want 1010", rows[0])
		}
	})
	t.Run("empty first page", func(t *testing.T) {
		c, _, _ := first(t, emulator.FaultEmptyPage)
		next := c.get("/users?size=10").next()
		c.h.(*emulator.Emulator).ClearFaults()
		if _, rows := second(c, next); rows[0] != "1000" {
			t.Errorf("after the empty page comes %s, want 1000", rows[0])
		}
	})
}

func TestSpoiltBodies(t *testing.T) {
	e, c := start(t, emulator.Options{})
	inject(t, e, emulator.Fault{Kind: emulator.FaultBadJSON})
	if r := c.get("/users"); json.Valid(r.body) || len(r.body) == 0 {
		t.Error("bad-json is valid")
	}
	inject(t, e, emulator.Fault{Kind: emulator.FaultDuplicateKeys})
	if r := c.get("/users?size=1"); bytes.Count(r.body, []byte(`"users":`)) != 2 || !json.Valid(r.body) {
		t.Errorf("duplicate-keys: %s", r.body)
	}
	inject(t, e, emulator.Fault{Kind: emulator.FaultBigNumbers})
	if r := c.get("/users?size=1"); !bytes.Contains(r.body, []byte(`"id":9007199254741993,`)) {
		t.Errorf("big-numbers: %s", r.body)
	}
	inject(t, e, emulator.Fault{Kind: emulator.FaultHugeHeaders, Bytes: 5000})
	if r := c.get("/users?size=1"); len(r.header.Get("X-Padding")) != 5000 {
		t.Errorf("huge-headers: %d bytes", len(r.header.Get("X-Padding")))
	}
}

func TestBrokenConnections(t *testing.T) {
	for _, tt := range []struct {
		kind          emulator.FaultKind
		beforeHeaders bool
		reset         bool
	}{
		{emulator.FaultResetBefore, true, true}, {emulator.FaultResetAfter, true, true}, {emulator.FaultCut, false, false}, {emulator.FaultResetMidBody, false, false},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			e := emulator.New(emulator.Options{})
			client := wired(t, e)
			inject(t, e, emulator.Fault{Kind: tt.kind})
			response, err := client.Get(usersURL)
			if tt.beforeHeaders {
				if err == nil {
					t.Fatalf("status %d, want a broken connection", response.StatusCode)
				}
				if tt.reset && !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("error %v, want a reset", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if n, err := io.Copy(io.Discard, response.Body); err == nil || n >= response.ContentLength {
				t.Errorf("%d of %d bytes, error %v: want it cut", n, response.ContentLength, err)
			}
		})
	}
}

func TestResetBeforeAndAfterTheCommit(t *testing.T) {
	for kind, want := range map[emulator.FaultKind]string{emulator.FaultResetBefore: "active", emulator.FaultResetAfter: "offboarded"} {
		e, c := start(t, emulator.Options{})
		client := wired(t, e)
		inject(t, e, emulator.Fault{Kind: kind})
		r, err := http.NewRequestWithContext(t.Context(), "PUT", "http://torii.test"+emulator.BasePath+"/users/1000", strings.NewReader(`{"lifecycleStatus":"offboarded"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if response, err := client.Do(r); err == nil {
			t.Errorf("%s: status %d, want a broken connection", kind, response.StatusCode)
		}
		if got := c.get("/users/1000").at("user", "lifecycleStatus"); got != want {
			t.Errorf("%s: lifecycleStatus %v, want %s", kind, got, want)
		}
		log := e.Requests()
		if len(log) != 2 || log[0].Committed != (want == "offboarded") || log[0].Count != 1 || log[0].Fault != kind || log[0].BodyDigest == "" {
			t.Errorf("%s: log %+v", kind, log)
		}
	}
}

func TestGzipBombUnpacksToTheSizeOrdered(t *testing.T) {
	e := emulator.New(emulator.Options{})
	client := wired(t, e)
	inject(t, e, emulator.Fault{Kind: emulator.FaultGzipBomb, Bytes: 64 << 20})
	response, err := client.Get(usersURL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	packed := &counter{r: response.Body}
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, z)
	if err != nil || n < 64<<20 || packed.n > n/100 {
		t.Errorf("%d bytes from %d, %v", n, packed.n, err)
	}
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func TestSlowAndTrickleTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, c := start(t, emulator.Options{Delay: time.Minute})
		inject(t, e, emulator.Fault{Kind: emulator.FaultSlow, Delay: time.Hour})
		inject(t, e, emulator.Fault{Kind: emulator.FaultTrickle, Delay: time.Second})
		for _, want := range []time.Duration{time.Hour + time.Minute, 8*time.Second + time.Minute, time.Minute} {
			begin := time.Now()
			c.get("/users").rows("users")
			if took := time.Since(begin); took != want {
				t.Errorf("took %v, want %v", took, want)
			}
		}
		inject(t, e, emulator.Fault{Kind: emulator.FaultSlow, Delay: 24 * time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, "GET", usersURL, nil)
		r.Header.Set("Authorization", "Bearer "+emulator.DefaultKey)
		w := httptest.NewRecorder()
		begin := time.Now()
		e.ServeHTTP(w, r)
		if took := time.Since(begin); took > time.Second || w.Body.Len() > 0 {
			t.Errorf("a client that went away was served for %v", took)
		}
	})
}
