package log_test

import (
	"io"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/log"
)

// What a server sends on an idle connection is not in the log: it may quote
// anything, the key of the last call too.
func TestS6UnsolicitedAnswerIsNotQuoted(t *testing.T) {
	before := slog.Default()
	writer, flags := stdlog.Writer(), stdlog.Flags()
	t.Cleanup(func() {
		slog.SetDefault(before)
		stdlog.SetOutput(writer)
		stdlog.SetFlags(flags)
	})
	out := kittest.Logger(t)
	log.SetDefault(out.Logger)
	stdlog.Println("a library says something")

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	more := make(chan struct{})
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 4<<10))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		<-more
		_, _ = io.WriteString(conn, "no such key: the-key-of-an-account")
	}()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	res, err := client.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	const said = "Unsolicited response received on idle HTTP channel"
	deadline := time.Now().Add(10 * time.Second)
	for close(more); !strings.Contains(out.String(), said) && time.Now().Before(deadline); {
		<-time.After(time.Millisecond)
	}
	if text := out.String(); !strings.Contains(text, said) || !strings.Contains(text, "a library says something") || strings.Contains(text, "the-key-of-an-account") {
		t.Errorf("log: %s", text)
	}
}
