package emulator_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sando-dev/sando/emulator"
)

// served is a running emulator and what it takes to speak to it byte by byte.
type served struct {
	t *testing.T
	*emulator.Emulator
	server *emulator.Server
}

func serve(t *testing.T, o emulator.Options) served {
	t.Helper()
	e := emulator.New(o)
	server, err := e.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return served{t, e, server}
}

// wireTap is a client's connection that notes the lengths of the TLS records as they came, and how many came in a read.
type wireTap struct {
	net.Conn
	raw bytes.Buffer
}

func (w *wireTap) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.raw.Write(p[:n])
	return n, err
}

// records are the lengths of the application records that were read since the buffer was emptied.
func (w *wireTap) records() (lengths []int) {
	raw := w.raw.Bytes()
	for len(raw) >= 5 {
		n := int(raw[3])<<8 | int(raw[4])
		if raw[0] == 23 {
			lengths = append(lengths, n)
		}
		raw = raw[min(5+n, len(raw)):]
	}
	return lengths
}

// dial opens a connection, over TLS where the server speaks it.
func (s served) dial() (net.Conn, *wireTap) {
	s.t.Helper()
	scheme, address, _ := strings.Cut(s.server.URL, "://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	tap := &wireTap{Conn: conn}
	if scheme == "http" {
		return tap, tap
	}
	secure := tls.Client(tap, &tls.Config{RootCAs: s.CertPool(), ServerName: "localhost"})
	if err := secure.Handshake(); err != nil {
		s.t.Fatal(err)
	}
	return secure, tap
}

func ask(t *testing.T, conn net.Conn, method, path string) {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "%s %s%s HTTP/1.1\r\nHost: torii.test\r\nAuthorization: Bearer %s\r\n\r\n", method, emulator.BasePath, path, emulator.DefaultKey); err != nil {
		t.Fatal(err)
	}
}

// answer reads one answer as a client would that trusts its framing.
func answer(t *testing.T, r *bufio.Reader, method string) (int, string) {
	t.Helper()
	response, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// overBoth runs a test in clear text and over TLS.
func overBoth(t *testing.T, test func(t *testing.T, o emulator.Options)) {
	t.Run("clear", func(t *testing.T) { test(t, emulator.Options{}) })
	t.Run("tls", func(t *testing.T) { test(t, emulator.Options{TLS: true}) })
}

func TestSurplusIsWhatTheNextRequestReads(t *testing.T) {
	const late = 50 * time.Millisecond
	for _, tt := range []struct {
		name   string
		fault  emulator.Fault
		method string
		// first is what a client takes for the answer, then what it takes for the answer to the next request, and
		// whether the real answer to that comes last.
		status int
		next   string
	}{
		{"doubled", emulator.Fault{Kind: emulator.FaultDoubled}, "GET", 200, `"companyName"`},
		{"doubled late", emulator.Fault{Kind: emulator.FaultDoubled, Delay: late}, "GET", 200, `"companyName"`},
		{"surplus", emulator.Fault{Kind: emulator.FaultSurplus, Text: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"}, "GET", 200, "evil"},
		{"204", emulator.Fault{Kind: emulator.FaultBodyUnasked, Text: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"}, "GET", 204, "evil"},
		{"304", emulator.Fault{Kind: emulator.FaultBodyUnasked, Status: 304, Framing: "none", Text: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"}, "GET", 304, "evil"},
		{"HEAD", emulator.Fault{Kind: emulator.FaultBodyUnasked, Text: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"}, "HEAD", 200, "evil"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, o emulator.Options) {
				s := serve(t, o)
				inject(t, s.Emulator, tt.fault)
				conn, _ := s.dial()
				r := bufio.NewReader(conn)
				ask(t, conn, tt.method, "/orgs/my")
				if status, _ := answer(t, r, tt.method); status != tt.status {
					t.Fatalf("status %d, want %d", status, tt.status)
				}
				ask(t, conn, "GET", "/roles")
				if _, body := answer(t, r, "GET"); !strings.Contains(body, tt.next) {
					t.Errorf("the next request reads %q, want %q", body, tt.next)
				}
				if _, body := answer(t, r, "GET"); !strings.Contains(body, `"roles"`) {
					t.Errorf("the server does not go on: %q", body)
				}
			})
		})
	}
}

func TestWrongLengths(t *testing.T) {
	overBoth(t, func(t *testing.T, o emulator.Options) {
		s := serve(t, o)
		conn, _ := s.dial()
		r := bufio.NewReader(conn)
		inject(t, s.Emulator, emulator.Fault{Kind: emulator.FaultShortLength, Bytes: 3})
		ask(t, conn, "GET", "/orgs/my")
		if _, body := answer(t, r, "GET"); json.Valid([]byte(body)) {
			t.Errorf("the body is whole: %s", body)
		}
		if rest, err := r.Peek(3); err != nil || string(rest[2:]) != "}" {
			t.Errorf("left over: %q, %v", rest, err)
		}

		conn, _ = s.dial()
		r = bufio.NewReader(conn)
		inject(t, s.Emulator, emulator.Fault{Kind: emulator.FaultLongLength, Bytes: 9})
		ask(t, conn, "GET", "/orgs/my")
		ask(t, conn, "GET", "/roles")
		if _, body := answer(t, r, "GET"); !strings.HasSuffix(body, "HTTP/1.1 ") {
			t.Errorf("the body takes nothing of the next answer: %s", body)
		}
	})
}

func TestRecordsShareASegmentOrAreSplit(t *testing.T) {
	s := serve(t, emulator.Options{TLS: true})
	for _, tt := range []struct {
		fault emulator.Fault
		check func(lengths []int) bool
	}{
		{emulator.Fault{Kind: emulator.FaultDoubled}, func(l []int) bool { return len(l) == 2 && l[0] == l[1] }},
		{emulator.Fault{Kind: emulator.FaultDoubled, Segment: 7}, func(l []int) bool { return len(l) == 2 }},
		{emulator.Fault{Kind: emulator.FaultDoubled, Record: 100}, func(l []int) bool { return len(l) > 4 && l[0] == l[1] }},
		{emulator.Fault{Kind: emulator.FaultDoubled, Record: 16000}, func(l []int) bool { return len(l) == 1 }},
		{emulator.Fault{Kind: emulator.FaultSplit, Record: 1}, func(l []int) bool { return len(l) > 100 }},
	} {
		conn, tap := s.dial()
		inject(t, s.Emulator, tt.fault)
		ask(t, conn, "GET", "/orgs/my")
		r := bufio.NewReader(conn)
		tap.raw.Reset()
		answer(t, r, "GET")
		if tt.fault.Kind == emulator.FaultDoubled {
			answer(t, r, "GET")
		}
		lengths := tap.records()
		if !tt.check(trimTickets(lengths)) {
			t.Errorf("%+v: records of %v bytes", tt.fault, lengths)
		}
		ask(t, conn, "GET", "/roles")
		if _, body := answer(t, r, "GET"); !strings.Contains(body, `"roles"`) {
			t.Errorf("%+v: the server does not go on: %q", tt.fault, body)
		}
	}
}

// trimTickets leaves out the session ticket that a server may send before its first answer.
func trimTickets(lengths []int) []int {
	if len(lengths) > 1 && lengths[0] != lengths[1] {
		return lengths[1:]
	}
	return lengths
}

func TestConnectionsEndAsTold(t *testing.T) {
	for _, how := range []string{emulator.CloseNotify, emulator.CloseEnd, emulator.CloseReset} {
		overBoth(t, func(t *testing.T, o emulator.Options) {
			s := serve(t, o)
			inject(t, s.Emulator, emulator.Fault{Kind: emulator.FaultSplit, Close: how})
			conn, _ := s.dial()
			r := bufio.NewReader(conn)
			ask(t, conn, "GET", "/orgs/my")
			if how != emulator.CloseReset { // a reset may overtake the answer
				answer(t, r, "GET")
			}
			_, err := io.Copy(io.Discard, r)
			if how != emulator.CloseReset && err != nil {
				t.Errorf("%s: %v, want an orderly end", how, err)
			}
			if how == emulator.CloseReset && (err == nil || !strings.Contains(err.Error(), "reset")) {
				t.Errorf("%s: %v", how, err)
			}
		})
	}
}

func TestStorageOfItsOwn(t *testing.T) {
	overBoth(t, func(t *testing.T, o emulator.Options) {
		o.StorageListen = "127.0.0.1:0"
		s := serve(t, o)
		if s.server.StorageURL == s.server.URL {
			t.Fatal("the storage has the origin of the API")
		}
		client := &http.Client{
			Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.CertPool()}, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		r, err := http.NewRequest("GET", s.server.URL+emulator.BasePath+"/files/1000/download", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+emulator.DefaultKey)
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		where := response.Header.Get("Location")
		if !strings.HasPrefix(where, s.server.StorageURL+"/") {
			t.Fatalf("the download leads to %s, want %s", where, s.server.StorageURL)
		}
		for url, want := range map[string]int{where: 200, strings.Replace(where, s.server.StorageURL, s.server.URL, 1): 404} {
			response, err := client.Get(url)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%s: status %d, want %d", url, response.StatusCode, want)
			}
		}
	})
}
