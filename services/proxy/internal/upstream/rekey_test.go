package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// A rekeyer writes the records of TLS 1.3 by itself, so that it can send what
// crypto/tls does not: new keys and late tickets.
type rekeyer struct {
	net.Conn
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	number uint64
}

// derive is HKDF-Expand-Label of RFC 8446, section 7.1.
func derive(secret []byte, label string, length int) []byte {
	label = "tls13 " + label
	info := append([]byte{0, byte(length), byte(len(label))}, label...)
	key, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), length)
	if err != nil {
		panic(err)
	}
	return key
}

func (r *rekeyer) use(secret []byte) {
	block, err := aes.NewCipher(derive(secret, "key", 16))
	if err != nil {
		panic(err)
	}
	if r.aead, err = cipher.NewGCM(block); err != nil {
		panic(err)
	}
	r.secret, r.iv, r.number = secret, derive(secret, "iv", 12), 0
}

const (
	handshakeRecord   = 22
	applicationRecord = 23
)

func (r *rekeyer) record(kind byte, text string) []byte {
	inner := append([]byte(text), kind)
	header := binary.BigEndian.AppendUint16([]byte{applicationRecord, 3, 3}, uint16(len(inner)+r.aead.Overhead()))
	nonce := bytes.Clone(r.iv)
	for i, b := range binary.BigEndian.AppendUint64(nil, r.number) {
		nonce[4+i] ^= b
	}
	r.number++
	return r.aead.Seal(header, nonce, inner, header)
}

// update makes a KeyUpdate, asking for one in return or not.
func (r *rekeyer) update(answer byte) []byte {
	raw := r.record(handshakeRecord, string([]byte{24, 0, 0, 1, answer}))
	r.use(derive(r.secret, "traffic upd", 32))
	return raw
}

// ticket makes a NewSessionTicket.
func (r *rekeyer) ticket() []byte {
	return r.record(handshakeRecord, string([]byte{4, 0, 0, 15, 0, 0, 1, 0, 0, 0, 0, 0, 1, 7, 0, 1, 9, 0, 0}))
}

// keyLog keeps the secret that a server writes with.
type keyLog struct{ secret []byte }

func (k *keyLog) Write(line []byte) (int, error) {
	if rest, ok := strings.CutPrefix(string(line), "SERVER_TRAFFIC_SECRET_0 "); ok {
		_, secret, _ := strings.Cut(strings.TrimSpace(rest), " ")
		k.secret, _ = hex.DecodeString(secret)
	}
	return len(line), nil
}

// serveRekeyed answers every request, and sends more behind each answer.
func serveRekeyed(c net.Conn, more func(*rekeyer) []byte, sent chan<- struct{}) error {
	defer c.Close()
	log := new(keyLog)
	config := serverTLS(tls.VersionTLS13)
	config.KeyLogWriter, config.SessionTicketsDisabled = log, true
	secured := tls.Server(c, config)
	if err := secured.Handshake(); err != nil {
		return err
	}
	if suite := secured.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		return fmt.Errorf("the suite is %s", tls.CipherSuiteName(suite))
	}
	w := &rekeyer{Conn: c}
	w.use(log.secret)
	in := bufio.NewReader(secured)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return nil //nolint:nilerr // the client has left
		}
		raw := w.record(applicationRecord, whole(strings.TrimPrefix(r.URL.Path, "/")))
		if _, err := c.Write(append(raw, more(w)...)); err != nil {
			return nil //nolint:nilerr // likewise
		}
		sent <- struct{}{}
	}
}

// TestS1Rekeying: what TLS has to say for itself behind an answer reaches
// nobody, no more than what is hidden behind that.
func TestS1Rekeying(t *testing.T) {
	for name, c := range map[string]struct {
		more  func(*rekeyer) []byte
		conns int64
	}{
		"nothing":                  {func(*rekeyer) []byte { return nil }, 1},
		"new keys":                 {func(r *rekeyer) []byte { return r.update(0) }, 1},
		"a ticket":                 {(*rekeyer).ticket, 1},
		"both":                     {func(r *rekeyer) []byte { return append(r.update(0), r.ticket()...) }, 1},
		"no text":                  {func(r *rekeyer) []byte { return r.record(applicationRecord, "") }, 1},
		"an answer after new keys": {func(r *rekeyer) []byte { return append(r.update(0), r.record(applicationRecord, whole("evil"))...) }, 5},
		"an answer after a ticket": {func(r *rekeyer) []byte { return append(r.ticket(), r.record(applicationRecord, whole("evil"))...) }, 5},
		"an answer after no text": {func(r *rekeyer) []byte {
			return append(r.record(applicationRecord, ""), r.record(applicationRecord, whole("evil"))...)
		}, 5},
		"a farewell and an answer": {func(r *rekeyer) []byte {
			return append(r.record(21, "\x01\x00"), r.record(applicationRecord, whole("evil"))...)
		}, 5},
		// The probe would have to write an answer to it, and does not.
		"new keys for both": {func(r *rekeyer) []byte { return r.update(1) }, 5},
	} {
		t.Run(name, func(t *testing.T) {
			var dials atomic.Int64
			var wg sync.WaitGroup
			sent := make(chan struct{}, 100)
			client := tlsClient{real(t, upstream.EngineDirect, func(cfg *upstream.Config) {
				cfg.TLS = clientTLS()
				cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
					near, far, err := socketPair()
					if err != nil {
						return nil, err
					}
					dials.Add(1)
					wg.Go(func() {
						if err := serveRekeyed(far, c.more, sent); err != nil {
							t.Error(err)
						}
					})
					return near, nil
				}
			})}
			for i := range 5 {
				id := fmt.Sprintf("account-%d", i)
				if _, body, err := fetch(t, client, context.Background(), get("/"+id)); err != nil || body != id {
					t.Errorf("call %s got %q, %v", id, body, err)
				}
				<-sent
			}
			if err := client.Close(); err != nil {
				t.Error(err)
			}
			wg.Wait()
			if n := dials.Load(); n != c.conns {
				t.Errorf("5 calls took %d connections; want %d", n, c.conns)
			}
		})
	}
}
