package redact_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/redact"
)

// places are where a provider quotes what it was sent.
func places(quoted string) map[string]string {
	member, err := json.Marshal(quoted)
	if err != nil {
		panic(err)
	}
	return map[string]string{
		"text":     "no such key: " + quoted + ", sorry",
		"HTML":     "<html><body><p>bad key <b>" + quoted + "</b></p></body></html>",
		"a string": `{"statusCode":401,"message":` + string(member) + `}`,
		"a key":    `{"errors":{` + string(member) + `:["is wrong"]}}`,
		"nested":   `[{"error":{"details":[1,{"seen":` + string(member) + `},null]}}]`,
	}
}

func TestS6EverySpelling(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	spellings := kittest.Spellings()
	for _, outer := range spellings {
		for _, inner := range spellings {
			key := kittest.RandomKey(r)
			secrets := redact.New(key)
			for place, body := range places(outer.Write(inner.Write(key))) {
				clean := secrets.Bytes([]byte(body))
				if kittest.Reveals(string(clean), key, 2) || !bytes.Contains(clean, []byte(redact.Mark)) {
					t.Fatalf("%s in %s in %s\nkey  %s\nbody %s\nleft %s", inner.Name, outer.Name, place, key, body, clean)
				}
				if json.Valid([]byte(body)) && !json.Valid(clean) {
					t.Fatalf("%s in %s in %s: no JSON any more: %s", inner.Name, outer.Name, place, clean)
				}
			}
		}
	}
}

func TestS6EveryCut(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	const head = "no such key: "
	for _, spelling := range kittest.Spellings() {
		key := kittest.RandomKey(r)
		secrets, body := redact.New(key), head+spelling.Write(key)+" in our records"
		for end := len(head); end < len(body); end++ {
			clean := string(secrets.Cut([]byte(body[:end])))
			// What is shorter than five characters nobody can tell from other text.
			if !strings.HasPrefix(clean, head) || kittest.Reveals(clean[len(head):], key[:5], 2) {
				t.Fatalf("%s cut at %d\nkey  %s\nbody %s\nleft %s", spelling.Name, end, key, body[:end], clean)
			}
		}
	}
}

func TestTextThatIsNoSecretStays(t *testing.T) {
	secrets := redact.New("agent-key-1", "", "p@ss/wörd+2")
	for _, text := range []string{
		"", "x", "AGENT-KEY-", "agent\n key 1", "q=agent-key=31 agent-key%2D2", `{"message":"Missing required query parameter 'state' & more: 100%, a\/b \u00e9"}`, "agent-key-2", "AT&T &ltd; %zz \\", "\xff\xfe",
	} {
		if got := string(secrets.Bytes([]byte(text))); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := string(secrets.Cut([]byte("the key is age"))); got != "the key is age" {
		t.Errorf("a beginning of three characters: %q", got)
	}
	if got := string(secrets.Cut([]byte("the key is agen"))); got != "the key is [redacted]" {
		t.Errorf("a beginning of four characters: %q", got)
	}
	if got := redact.New().Text("agent-key-1"); got != "agent-key-1" {
		t.Errorf("without secrets: %q", got)
	}
}

func TestDocumentsStayDocuments(t *testing.T) {
	for _, c := range []struct{ secret, body, want string }{
		{"123456", `{"id":123456,"n":-9912345678.5e3,"s":"123456"}`, `{"id":"[redacted]","n":"[redacted]","s":"[redacted]"}`},
		{"0041bc", `{"s":"x\u0041bcd"}`, `{"s":"x[redacted]d"}`},
		{`a","b`, `["a","b"]`, `"[redacted]"`},
		{`"quoted"`, `["quoted"]`, `"[redacted]"`},
		{`falsey`, `{"falsey":false}`, `{"[redacted]":false}`},
		{`end\of`, `"the end\\of"`, `"the [redacted]"`},
		{"üñíçødé", `{"s":"\u00fc\u00f1í\u00E7%C3%B8d&eacute;"}`, `{"s":"[redacted]"}`},
		{"s3cr3t", "{\n \"a\": \"s3cr3ts3cr3t\" , \"b\":[ true,\"s3\\u0063r3t\" ]\n}", "{\n \"a\": \"[redacted]\" , \"b\":[ true,\"[redacted]\" ]\n}"},
	} {
		if got := string(redact.New(c.secret).Bytes([]byte(c.body))); got != c.want {
			t.Errorf("%s in %s: %s, want %s", c.secret, c.body, got, c.want)
		}
	}
}

func TestOtherSpellings(t *testing.T) {
	for _, c := range []struct{ secret, text, want string }{
		{"to be hidden", "q=to+be+hidden", "q=[redacted]"},
		{"secret-1", `\x73\x65\143\u{72}et-1`, redact.Mark},
		{"secret-1", `S\U00000065CRET\U002D1`, redact.Mark},
		{"secret-1", "%u0073ecret-1", redact.Mark},
		{"secret-1", "s\x00e\x00c\x00r\x00e\x00t\x00-\x001\x00", redact.Mark + "\x00"},
		{"secret-1", "73:65:63:72:65:74:2d:31.", redact.Mark + "."},
		{"secret-1", "c2Vj\r\ncmV0\r\nLTE=", redact.Mark + "="},
		{"secret-1", "sec\r\n\tret\n-1.", redact.Mark + "."},
		{"secret-1", "https://SECRET-1.example", "https://" + redact.Mark + ".example"},
		{"secret<1", "secret&lt1 secret&#601 secret&#x3c", redact.Mark + " secret&#601 secret&#x3c"},
		{"secret>=", "the end is secret&gt&#61", "the end is " + redact.Mark},
	} {
		if got := redact.New(c.secret).Text(c.text); got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.secret, c.text, got, c.want)
		}
	}
}

func TestShortSecretWithholdsTheText(t *testing.T) {
	secrets := redact.New("k3y")
	for text, want := range map[string]string{
		"a word":              "a word",
		"the k3y is wrong":    redact.Mark,
		`{"m":"\u006b3y"}`:    `"[redacted]"`,
		`{"m":"nothing bad"}`: `{"m":"nothing bad"}`,
	} {
		if got := secrets.Text(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestS6Cost: what a provider writes to be slow to read is read in bounded time
// or withheld, and what is only long stays.
func TestS6Cost(t *testing.T) {
	const size = 64 << 10
	fill := func(piece string) string { return strings.Repeat(piece, size/len(piece)) }
	long := map[string]string{
		"HTML":       fill(`<p class="x">It&#39;s a &quot;test&quot; of <a href="/x?y=%20z&amp;q=%2F">link</a> data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA</p>` + "\n"),
		"encodings":  fill("<p>It&#39;s %20 eyJhIjoieCUyMHkiLCJiIjoiXHUwMDQxICZhbXA7IDYxNjI2MzY0NjU2NiJ9 253431205c7530303431 =3D</p>\r\n"),
		"near":       fill("agent-key-2 "),
		"JSON":       `[` + fill(`"agent-key-2",`) + `1]`,
		"deep":       strings.Repeat("[", size/2) + strings.Repeat("]", size/2),
		"a":          fill("a"),
		"percent":    fill("%25"),
		"ampersands": "&" + fill("amp;"),
	}
	secrets := redact.New("agent-key-1", "other-key-1")
	for name, text := range long {
		if got := secrets.Text(text); got != text {
			t.Errorf("%s: %d bytes became %.300s", name, len(text), got)
		}
	}
	// Time is not measured where others work: with a cost for each span, this
	// would take minutes.
	many := `{"m":"` + strings.Repeat("agent-key-1 ", 1<<18) + `"}`
	if got, want := secrets.Text(many), strings.ReplaceAll(many, "agent-key-1", redact.Mark); got != want {
		t.Errorf("many in one string: %.300s", got)
	}
}

func TestError(t *testing.T) {
	secrets := redact.New("agent-key-1")
	cause := fmt.Errorf("malformed status line %q: %w", `agent-key-1 "`, io.ErrUnexpectedEOF)
	got := secrets.Error(cause)
	if got.Error() != `malformed status line "[redacted] \"": unexpected EOF` || !errors.Is(got, io.ErrUnexpectedEOF) {
		t.Errorf("%v", got)
	}
	if secrets.Error(io.EOF) != io.EOF || secrets.Error(nil) != nil {
		t.Error("an error without secrets is another one")
	}
}

const hexDigits = "0123456789abcdefABCDEF"

// FuzzRedact has a key written in two spellings, one in the other, between other
// text, and cut.
func FuzzRedact(f *testing.F) {
	f.Add("agent-key+/=<>&\"'\\", uint8(1), uint8(7), `{"message":"`, `"}`, uint16(500))
	f.Add("0123456789", uint8(12), uint8(20), "<p>", "</p>", uint16(30))
	spellings := kittest.Spellings()
	f.Fuzz(func(t *testing.T, key string, outer, inner uint8, before, after string, cut uint16) {
		if len(key) < 8 || len(key) > 200 || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) ||
			len(before)+len(after) > 500 || kittest.Reveals(before+redact.Mark+after, key[:5], 2) {
			return
		}
		out, in := spellings[int(outer)%len(spellings)], spellings[int(inner)%len(spellings)]
		if (out.Name == "hex, listed" || in.Name == "hex, listed") && (strings.TrimRight(before, hexDigits) != before || strings.TrimLeft(after, hexDigits) != after) {
			return // a digit that touches a list of pairs makes another list of it
		}
		secrets := redact.New(key)
		body := before + out.Write(in.Write(key)) + after
		if clean := secrets.Text(body); kittest.Reveals(clean, key, 2) {
			t.Errorf("left %q of %q", clean, body)
		} else if json.Valid([]byte(body)) && !json.Valid([]byte(clean)) {
			t.Errorf("%q became %q", body, clean)
		}
		if clean := secrets.Cut([]byte(body)[:min(len(body), int(cut))]); kittest.Reveals(string(clean), key, 2) {
			t.Errorf("cut at %d left %q of %q", cut, clean, body)
		}
	})
}

// Bodies that cost the most: of every kind of escape, of base64, and JSON in
// JSON.
func BenchmarkRedact(b *testing.B) {
	secrets := redact.New("agent-key-of-thirty-two-characters")
	fill := func(piece string) []byte { return bytes.Repeat([]byte(piece), 1<<20/len(piece)) }
	for name, body := range map[string][]byte{
		"small":   []byte(`{"statusCode":400,"error":"Bad Request","message":"Missing required query parameter 'state'"}`),
		"plain":   fill("no such key in our records. "),
		"escapes": fill(`\u0041 \/ %41%2541 &amp;lt; \\\\/ `),
		"base64":  fill("bm8gc3VjaCBrZXkgaW4gb3VyIHJlY29yZHM"),
		"hex":     fill("6e6f2073756368206b657920"),
		"a":       fill("a"),
		"%25":     fill("%25"),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				secrets.Cut(body)
			}
		})
	}
}
