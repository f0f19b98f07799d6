package allinone

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Frames that are broken are the client's fault.
func TestE2Frames(t *testing.T) {
	s := startStack(t, nil)
	n := 0
	for _, kind := range []string{"application/grpc-web+proto", "application/grpc+proto", "application/connect+proto"} {
		for how, frame := range map[string]string{
			"longer than the data": "\x00\x00\x00\x00\x64a", "short prefix": "\x00\x00\x00", "bytes behind": "\x00\x00\x00\x00\x00xyz",
			"compressed": "\x01\x00\x00\x00\x01a", "two messages": "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "none": "", "flags": "\x40\x00\x00\x00\x00",
		} {
			n++
			id := fmt.Sprintf("e2-%d", n)
			t.Run(kind+", "+how, func(t *testing.T) {
				path := "/sando.proxy.v1.ProxyService/ListAll"
				c := s.dialH2(t)
				c.request(path, kind, s.token, id, frame)
				status, body := c.answer()
				if !strings.Contains(status+body, "grpc-status: 3") && !strings.Contains(body, "invalid_argument") {
					t.Errorf("answered %q %q", status, body)
				}
				s.logged(t, id)
			})
		}
	}
}

// h2 is a connection of raw frames.
type h2 struct {
	t      *testing.T
	conn   net.Conn
	framer *http2.Framer
	next   uint32
}

func (s *stack) dialH2(t *testing.T) *h2 {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, http2.ClientPreface)
	c := &h2{t: t, conn: conn, framer: http2.NewFramer(conn, conn), next: 1}
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = c.framer.WriteSettings()
	return c
}

func headerBlock(fields ...string) []byte {
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		_ = enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return b.Bytes()
}

// open begins a stream.
func (c *h2) open(method, path, kind, token, id string, end bool, more ...string) uint32 {
	fields := append([]string{":method", method, ":scheme", "http", ":authority", "x", ":path", path}, more...)
	if kind != "" {
		fields = append(fields, "content-type", kind)
	}
	if token != "" {
		fields = append(fields, "authorization", "Bearer "+token)
	}
	fields = append(fields, "x-request-id", id)
	stream := c.next
	c.next += 2
	_ = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: headerBlock(fields...), EndHeaders: true, EndStream: end})
	return stream
}

func (c *h2) request(path, kind, token, id, body string) {
	stream := c.open("POST", path, kind, token, id, false)
	_ = c.framer.WriteData(stream, true, []byte(body))
}

// answer reads to the end of the first stream that ends.
func (c *h2) answer() (headers, body string) {
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			c.t.Errorf("no end of the stream: %v", err)
			return headers, body
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			for _, field := range f.Fields {
				headers += field.Name + ": " + field.Value + "\n"
			}
			if f.StreamEnded() {
				return headers, body
			}
		case *http2.DataFrame:
			body += string(f.Data())
			if f.StreamEnded() {
				return headers, body
			}
		case *http2.RSTStreamFrame:
			return headers + "reset", body
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = c.framer.WritePing(true, f.Data)
			}
		}
	}
}

// A stream of HTTP/2 without progress ends, though its connection answers pings.
func TestE1Stalls(t *testing.T) {
	s := startStack(t, nil)
	t.Run("bodies", func(t *testing.T) {
		c := s.dialH2(t)
		for n := range 100 {
			stream := c.open("POST", "/integrated-account", "application/json", s.token, fmt.Sprint("e1-", n), false, "content-length", "100000")
			_ = c.framer.WriteData(stream, false, []byte("{"))
		}
		for range 100 {
			if headers, _ := c.answer(); strings.Contains(headers, ":status: 200") {
				t.Fatalf("answered %s", headers)
			}
		}
	})
	t.Run("window 0", func(t *testing.T) {
		for _, path := range []string{"/proxy/users?limit=100&integrated_account_id=" + s.account, "/healthz"} {
			c := s.dialH2(t)
			_ = c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			c.open("GET", path, "", s.token, "e1-window", true)
			if headers, _ := c.answer(); !strings.HasSuffix(headers, "reset") {
				t.Errorf("%s: ended with %q, not a reset", path, headers)
			}
		}
	})
}
