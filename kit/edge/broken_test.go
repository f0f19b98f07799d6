package edge_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"
)

// A door is a way in that takes a body.
type door struct {
	name, path, media string
	// whole is a good body.
	whole string
	// logs is what the line of a call there says.
	logs string
}

func doors() []door {
	message, _ := proto.Marshal(request("hi"))
	frame := func(b []byte) string {
		return string(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b))), b...))
	}
	unary, stream := pb.TestService_UnaryCall_FullMethodName, pb.TestService_StreamingOutputCall_FullMethodName
	return []door{
		{"REST", "/v1/call", "application/json", `{"payload":{"body":"aGk="}}`, unary},
		{"streaming handler", "/stream/read", "application/json", `{"payload":{"body":"aGk="}}`, "/t.Streams/Do"},
		{"Connect proto", unary, "application/proto", string(message), unary},
		{"Connect JSON", unary, "application/json", `{"payload":{"body":"aGk="}}`, unary},
		{"Connect stream", stream, "application/connect+proto", frame(message), stream},
		{"Connect JSON stream", stream, "application/connect+json", frame([]byte(`{"payload":{"body":"aGk="}}`)), stream},
		{"gRPC-Web", unary, "application/grpc-web+proto", frame(message), unary},
		{"gRPC-Web stream", stream, "application/grpc-web+proto", frame(message), stream},
		{"gRPC", unary, "application/grpc", frame(message), unary},
		{"gRPC stream", stream, "application/grpc+proto", frame(message), stream},
	}
}

// A breach is a way to send a body that is not whole.
type breach struct {
	name string
	// write gives header fields and what follows the header.
	write func(whole string) (fields, body string)
}

func breaches() []breach {
	length := func(n int) string { return "Content-Length: " + strconv.Itoa(n) + "\r\n" }
	const chunked = "Transfer-Encoding: chunked\r\n"
	return []breach{
		{"one byte of 500", func(w string) (string, string) { return length(500), w[:1] }},
		{"nothing of 500", func(string) (string, string) { return length(500), "" }},
		{"all but one byte", func(w string) (string, string) { return length(len(w)), w[:len(w)-1] }},
		{"whole, but announced longer", func(w string) (string, string) { return length(len(w) + 1), w }},
		{"bad chunk", func(string) (string, string) { return chunked, "zz\r\n" }},
		{"chunk cut", func(w string) (string, string) { return chunked, fmt.Sprintf("%x\r\n%s", len(w), w[:len(w)-1]) }},
		{"no last chunk", func(w string) (string, string) { return chunked, fmt.Sprintf("%x\r\n%s\r\n", len(w), w) }},
		{"chunk without end", func(w string) (string, string) { return chunked, fmt.Sprintf("%x\r\n%sxx0\r\n\r\n", len(w), w) }},
	}
}

// exchange sends raw bytes, ends the sending side, and reads until the end.
func (f *fixture) exchange(t *testing.T, raw string) []byte {
	t.Helper()
	c, err := net.Dial("tcp", f.srv.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil && len(answer) == 0 {
		return nil // closed with a reset
	}
	return answer
}

// succeeds reports whether an answer, in the protocol of its door, is one of
// success. None at all is not.
func succeeds(t *testing.T, d door, answer []byte) bool {
	t.Helper()
	if len(answer) == 0 {
		return false
	}
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
	if err != nil {
		t.Errorf("%s: the answer cannot be read: %v\n%q", d.name, err, answer)
		return false
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	switch {
	case res.StatusCode != http.StatusOK || err != nil:
		return false
	case strings.HasPrefix(d.media, "application/grpc"):
		status := res.Trailer.Get("Grpc-Status") + res.Header.Get("Grpc-Status")
		if at := bytes.Index(body, []byte("grpc-status: ")); at >= 0 {
			status = string(body[at+len("grpc-status: "):][:1])
		}
		return status == "" || status == "0"
	case strings.HasPrefix(d.media, "application/connect"):
		return !bytes.Contains(body, []byte(`"error"`))
	}
	return true
}

// line checks what the log says of a call that broke off: a line, and no fault
// of ours.
func (f *fixture) line(t *testing.T, d door) {
	t.Helper()
	if len(f.log.Lines(`"procedure":"`+d.logs+`"`)) == 0 {
		t.Errorf("%s: no line in the log", d.name)
	}
	if lines := f.log.Lines(`"level":"ERROR"`); len(lines) > 0 {
		t.Errorf("%s: called our fault: %s", d.name, lines)
	}
	if lines := f.log.Lines(`"code":"INTERNAL"`); len(lines) > 0 {
		t.Errorf("%s: called our fault: %s", d.name, lines)
	}
}

// TestS4BrokenOff: a request that breaks off is never a success, over any
// transport, with and without a token, and leaves a line in the log. TestS13
// and TestE2 are its other halves: nor is it ever called our fault.
func TestS4BrokenOff(t *testing.T) {
	for _, d := range doors() {
		for _, b := range breaches() {
			for _, token := range []string{"", "Bearer good"} {
				t.Run(d.name+"/"+b.name+"/"+token, func(t *testing.T) {
					f := start(t)
					fields, body := b.write(d.whole)
					answer := f.exchange(t, "POST "+d.path+" HTTP/1.1\r\nHost: sando\r\nContent-Type: "+d.media+
						"\r\nAuthorization: "+token+"\r\n"+fields+"\r\n"+body)
					if succeeds(t, d, answer) {
						t.Errorf("answered as a success:\n%s", answer)
					}
					if token != "" && bytes.Contains(answer, []byte(" 500 ")) {
						t.Errorf("answered as our fault:\n%s", answer)
					}
					f.line(t, d)
				})
			}
		}
	}
}

// TestS4Whole shows that the doors open for whole bodies, sent the same ways.
func TestS4Whole(t *testing.T) {
	f := start(t)
	for _, d := range doors() {
		for _, framing := range []string{
			"Content-Length: " + strconv.Itoa(len(d.whole)) + "\r\n\r\n" + d.whole,
			fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(d.whole), d.whole),
		} {
			answer := f.exchange(t, "POST "+d.path+" HTTP/1.1\r\nHost: sando\r\nContent-Type: "+d.media+
				"\r\nAuthorization: Bearer good\r\n"+framing)
			if strings.HasPrefix(d.media, "application/grpc") && !strings.Contains(d.media, "web") {
				continue // gRPC needs HTTP/2, which TestE2Frames speaks
			}
			if !succeeds(t, d, answer) {
				t.Errorf("%s: refused:\n%s", d.name, answer)
			}
		}
	}
}

// TestE2Frames: over HTTP/2, whatever is wrong with the frames of a message or
// of the stream under it is the caller's fault, or a reset.
func TestE2Frames(t *testing.T) {
	for _, d := range doors() {
		bodies := map[string]string{
			"one byte of 500": d.whole[:1],
			"all but a byte":  d.whole[:len(d.whole)-1],
		}
		if strings.Contains(d.media, "grpc") || strings.Contains(d.media, "connect") {
			bodies["three bytes of a prefix"] = "\x00\x00\x00"
			bodies["prefix longer than the data"] = "\x00\x00\x00\x01\x00" + d.whole[5:]
			bodies["bytes after the message"] = d.whole + "\x00\x00"
			bodies["compressed without an encoding"] = "\x01" + d.whole[1:]
			bodies["flags that mean nothing"] = "\x7f" + d.whole[1:]
		}
		for name, body := range bodies {
			for _, announced := range []int{0, 500} {
				if announced == 0 && d.name == "streaming handler" {
					continue // whole, as far as HTTP can tell
				}
				t.Run(fmt.Sprintf("%s/%s/length %d", d.name, name, announced), func(t *testing.T) {
					f := start(t)
					fields := []hpack.HeaderField{
						{Name: ":method", Value: "POST"},
						{Name: ":scheme", Value: "http"},
						{Name: ":authority", Value: "sando"},
						{Name: ":path", Value: d.path},
						{Name: "content-type", Value: d.media},
						{Name: "authorization", Value: "Bearer good"},
						{Name: "te", Value: "trailers"},
					}
					if announced > 0 {
						fields = append(fields, hpack.HeaderField{Name: "content-length", Value: strconv.Itoa(announced)})
					}
					answer := f.overHTTP2(t, fields, body)
					if answer.reset {
						f.line(t, d)
						return
					}
					// What a procedure of a stream has already taken may stand.
					if name != "bytes after the message" || d.logs == pb.TestService_UnaryCall_FullMethodName {
						if answer.succeeds(d) {
							t.Errorf("answered as a success: %+v", answer)
						}
					}
					if answer.fields[":status"] == "500" || answer.fields["grpc-status"] == "13" {
						t.Errorf("answered as our fault: %+v", answer)
					}
					f.line(t, d)
				})
			}
		}
	}
}

// answered is the answer to one HTTP/2 request.
type answered struct {
	fields map[string]string // of header and trailer
	body   string
	reset  bool
}

func (a answered) succeeds(d door) bool {
	switch {
	case a.fields[":status"] != "200":
		return false
	case strings.Contains(d.media, "grpc-web"):
		return !strings.Contains(a.body, "grpc-status") || strings.Contains(a.body, "grpc-status: 0")
	case strings.Contains(d.media, "grpc"):
		return a.fields["grpc-status"] == "0"
	case strings.Contains(d.media, "connect"):
		return !strings.Contains(a.body, `"error"`)
	}
	return true
}

// overHTTP2 sends one request in raw frames.
func (f *fixture) overHTTP2(t *testing.T, fields []hpack.HeaderField, body string) answered {
	t.Helper()
	c, err := net.Dial("tcp", f.srv.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range fields {
		if err := encoder.WriteField(field); err != nil {
			t.Fatal(err)
		}
	}
	framer := http2.NewFramer(c, c)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for _, step := range []func() error{
		func() error { _, err := io.WriteString(c, http2.ClientPreface); return err },
		func() error { return framer.WriteSettings() },
		func() error {
			return framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
		},
		func() error { return framer.WriteData(1, true, []byte(body)) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	answer := answered{fields: map[string]string{}}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatalf("no end of the answer: %v", err)
		}
		ended := false
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				err = framer.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			for _, field := range frame.Fields {
				answer.fields[field.Name] = field.Value
			}
			ended = frame.StreamEnded()
		case *http2.DataFrame:
			answer.body += string(frame.Data())
			ended = frame.StreamEnded()
		case *http2.RSTStreamFrame:
			if len(answer.fields) == 0 {
				answer.reset = true
			}
			ended = true
		case *http2.GoAwayFrame:
			answer.reset, ended = true, true
		}
		if err != nil {
			t.Fatal(err)
		}
		if ended {
			return answer
		}
	}
}
