package emulator_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sando-dev/sando/emulator"
)

func TestEchoesOfTheKey(t *testing.T) {
	const key = `k/e+y="<&>'é`
	for _, tt := range []struct {
		encoding emulator.Encoding
		raw      string // in the body
		decoded  string // in the message
	}{
		{"", `k/e+y=\"<&>'é`, key},
		{emulator.EncodingJSONSlash, `k\/e+y=\"`, key},
		{emulator.EncodingJSONUnicode, `\u006b\u002f\u0065`, ""},
		{emulator.EncodingBase64, "ay9lK3k9Ijwm", ""},
		{emulator.EncodingBase64URL, "ay9lK3k9Ijwm", ""},
		{emulator.EncodingPercent, "%6B%2F%65", ""},
		{emulator.EncodingHex, "6b2f652b79", ""},
		{emulator.EncodingHTML, "&#107;&#47;", ""},
		{emulator.EncodingHTMLNamed, "k/e+y=&#34;&lt;&amp;", ""},
	} {
		e, c := start(t, emulator.Options{Orgs: []emulator.Org{{ID: 1, Key: key}}})
		inject(t, e, emulator.Fault{Kind: emulator.FaultEcho, Encoding: tt.encoding, Text: "missing_required_scope: {key} (\"{key}\")", Status: 403})
		r := c.as(key).get("/users")
		if r.status != http.StatusForbidden || bytes.Count(r.body, []byte(tt.raw)) != 2 || !json.Valid(r.body) {
			t.Errorf("%s: %d %s", tt.encoding, r.status, r.body)
		}
		if message := r.at("message").(string); !strings.Contains(message, tt.decoded) {
			t.Errorf("%s: message %s", tt.encoding, message)
		}
		inject(t, e, emulator.Fault{Kind: emulator.FaultEcho, Encoding: tt.encoding})
		r = c.as(key).get("/scim/v2/Users")
		if r.at("status") != "400" || !bytes.Contains(r.body, []byte(tt.raw)) || r.at("schemas", 0) != "urn:ietf:params:scim:api:messages:2.0:Error" {
			t.Errorf("%s: SCIM's error is %s", tt.encoding, r.body)
		}
	}
	e, c := start(t, emulator.Options{})
	inject(t, e, emulator.Fault{Kind: emulator.FaultEdgePage, Status: 403, Text: "blocked {key}", Encoding: emulator.EncodingHex})
	if r := c.get("/users").want(403); !bytes.Contains(r.body, []byte("<title>blocked 746f726969")) || r.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("edge page %v %s", r.header, r.body)
	}
}

func TestEdgePagesAndOddWaits(t *testing.T) {
	e, c := start(t, emulator.Options{})
	for _, status := range []int{200, 403, 502, 503} {
		inject(t, e, emulator.Fault{Kind: emulator.FaultEdgePage, Status: status, RetryAfter: "5"})
		if r := c.get("/users").want(status); !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || r.header.Get("Retry-After") != "5" {
			t.Errorf("%d: %v", status, r.header)
		}
	}
	for _, wait := range []string{"1", "0", "-1", "1.5", "99999999999", "9223372036854775807", "Wed, 21 Oct 2099 07:28:00 GMT", "soon", "1, 2"} {
		for kind, status := range map[emulator.FaultKind]int{emulator.FaultRateLimited: 429, emulator.FaultUnavailable: 503} {
			inject(t, e, emulator.Fault{Kind: kind, RetryAfter: wait})
			if r := c.get("/users").want(status); r.header.Get("Retry-After") != wait || r.at("error") != http.StatusText(status) {
				t.Errorf("%s %s: %v %s", kind, wait, r.header, r.body)
			}
		}
	}
	inject(t, e, emulator.Fault{Kind: emulator.FaultStatus, Status: 429, RetryAfter: "7"})
	if got := c.get("/users").header.Get("Retry-After"); got != "7" {
		t.Errorf("status 429 says Retry-After %q", got)
	}
}

func TestCursorsAndTextThatAreNone(t *testing.T) {
	e, c := start(t, emulator.Options{})
	for text, want := range map[string]string{"": "true", "7": "7", `{"a":[1]}`: `{"a":[1]}`, `""`: `""`, "false": "false"} {
		for _, path := range []string{"/users?size=5", "/users"} { // with a next page and without
			inject(t, e, emulator.Fault{Kind: emulator.FaultCursorValue, Text: text})
			if r := c.get(path).want(200); !bytes.HasSuffix(r.body, []byte(`"nextCursor":`+want+"}")) {
				t.Errorf("%s: %s", text, r.body[len(r.body)-60:])
			}
		}
	}
	if e.Inject(emulator.Fault{Kind: emulator.FaultCursorValue, Text: "{"}) == nil {
		t.Error("a cursor that is no JSON is taken")
	}
	for _, path := range []string{"/users?size=5", "/users/1000", "/apps", "/roles", "/scim/v2/Users"} {
		inject(t, e, emulator.Fault{Kind: emulator.FaultBadUTF8})
		if r := c.get(path).want(200); utf8.Valid(r.body) || !bytes.Contains(r.body, []byte(":\"\xff")) {
			t.Errorf("%s: %.200s", path, r.body)
		}
		inject(t, e, emulator.Fault{Kind: emulator.FaultLoneSurrogate})
		if r := c.get(path).want(200); !bytes.Contains(r.body, []byte(`:"\ud800`)) || !json.Valid(r.body) {
			t.Errorf("%s: %.200s", path, r.body)
		}
	}
}

func TestRowsThatShift(t *testing.T) {
	e, c := start(t, emulator.Options{})
	ids := func(path, key string, f emulator.Fault) string {
		t.Helper()
		e.ClearFaults()
		if f.Kind != "" {
			f.Times = -1
			inject(t, e, f)
		}
		member := "id"
		if key == "audit" {
			member = "creationTime"
		}
		return strings.Join(column(c.get(path).rows(key), member), " ")
	}
	whole := strings.Fields(ids("/roles", "roles", emulator.Fault{}))
	for _, tt := range []struct {
		fault emulator.Fault
		want  []string
	}{
		{emulator.Fault{Kind: emulator.FaultRowInserted, Rows: 2}, append([]string{"900000002", "900000001"}, whole...)},
		{emulator.Fault{Kind: emulator.FaultRowRemoved, Rows: 2}, whole[2:]},
		{emulator.Fault{Kind: emulator.FaultRowsMoved}, append(append([]string{}, whole[1:]...), whole[0])},
		{emulator.Fault{Kind: emulator.FaultDuplicateRows}, append(append([]string{}, whole...), whole[len(whole)-1])},
		{emulator.Fault{Kind: emulator.FaultEqualIDs}, append([]string{whole[0], whole[0], whole[0]}, whole[3:]...)},
	} {
		if got := ids("/roles", "roles", tt.fault); got != strings.Join(tt.want, " ") {
			t.Errorf("%s: %s, want %v", tt.fault.Kind, got, tt.want)
		}
	}
	for _, tt := range []struct{ key, page, before, after string }{
		{"Resources", "/scim/v2/Users?count=10&startIndex=11", "/scim/v2/Users?count=10&startIndex=9", "/scim/v2/Users?count=10&startIndex=13"},
		{"audit", "/workflows/audit?startTime=2020-01-01&limit=10&offset=10", "/workflows/audit?startTime=2020-01-01&limit=10&offset=8", "/workflows/audit?startTime=2020-01-01&limit=10&offset=12"},
		{"users", "/users?size=10&cursor=" + url.QueryEscape(c.get("/users?size=10").next()), "/users?size=10&cursor=" + url.QueryEscape(c.get("/users?size=8").next()), "/users?size=10&cursor=" + url.QueryEscape(c.get("/users?size=12").next())},
	} {
		for kind, like := range map[emulator.FaultKind]string{emulator.FaultRowInserted: tt.before, emulator.FaultRowRemoved: tt.after} {
			want := ids(like, tt.key, emulator.Fault{})
			if got := ids(tt.page, tt.key, emulator.Fault{Kind: kind, Rows: 2}); got != want {
				t.Errorf("%s of %s: %s, want %s", kind, tt.page, got, want)
			}
		}
	}
}

func TestFaultsThatCouldNotHappen(t *testing.T) {
	e, _ := start(t, emulator.Options{})
	for _, bad := range []emulator.Fault{
		{Kind: emulator.FaultSlow, Status: 500},
		{Kind: emulator.FaultStatus, Status: 99},
		{Kind: emulator.FaultDoubled, Rows: 2},
		{Kind: emulator.FaultDoubled, Close: "soon"},
		{Kind: emulator.FaultDoubled, Record: -1},
		{Kind: emulator.FaultSurplus},
		{Kind: emulator.FaultBodyUnasked, Status: 200},
		{Kind: emulator.FaultBodyUnasked, Framing: "x"},
		{Kind: emulator.FaultEcho, Encoding: "rot13"},
		{Kind: emulator.FaultRowInserted, Rows: -1},
	} {
		if e.Inject(bad) == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
