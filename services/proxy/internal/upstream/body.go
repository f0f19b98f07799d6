package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// wire is the body of an answer as it comes from the provider: watched,
// bounded, and with its errors classified.
type wire struct {
	parent context.Context
	src    io.ReadCloser
	watch  *watch
	max    int64
	err    error
}

func (b *wire) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	b.watch.reading.Store(true)
	n, err := b.src.Read(p)
	b.watch.reading.Store(false)
	if b.watch.got.Add(int64(n)) > b.max {
		err = errTooLarge
	}
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF:
		b.err = io.EOF
	default:
		b.err = classify(b.parent, b.watch, err, true)
	}
	b.watch.stop()
	return n, b.err
}

func (b *wire) Close() error {
	b.watch.stop()
	return b.src.Close()
}

// unpacked is a gzip body without its gzip.
type unpacked struct {
	wire *wire
	gz   *unpacker
	got  int64
	err  error
}

// unpacker is what unpacking needs again and again: about 40 kB.
type unpacker struct {
	in  *bufio.Reader
	out gzip.Reader
}

// unpackers are shared by all clients of the process; they hold no state
// between two uses.
var unpackers = sync.Pool{New: func() any { return &unpacker{in: bufio.NewReaderSize(nil, 8<<10)} }}

func (b *unpacked) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.read(p)
	if b.got += int64(n); b.got > b.wire.max {
		err = errTooLarge
	}
	if err != nil {
		b.fail(err)
		return n, b.err
	}
	return n, nil
}

func (b *unpacked) read(p []byte) (int, error) {
	if b.gz == nil {
		b.gz = unpackers.Get().(*unpacker)
		b.gz.in.Reset(b.wire)
		// An answer without a body may still call it gzip.
		if _, err := b.gz.in.Peek(1); err != nil {
			return 0, err
		}
		if err := b.gz.out.Reset(b.gz.in); err != nil {
			return 0, err
		}
	}
	return b.gz.out.Read(p)
}

func (b *unpacked) fail(err error) {
	b.release()
	b.wire.watch.stop()
	if _, known := errors.AsType[*Error](err); err == io.EOF || known {
		b.err = err
		return
	}
	b.err = &Error{Kind: KindProtocol, Sent: true, cause: err}
	if errors.Is(err, errTooLarge) {
		b.err = &Error{Kind: KindTooLarge, Sent: true, cause: err}
	}
}

func (b *unpacked) release() {
	if b.gz != nil {
		b.gz.in.Reset(nil)
		unpackers.Put(b.gz)
		b.gz = nil
	}
}

func (b *unpacked) Close() error {
	if b.err == nil {
		b.err = errClosed
	}
	b.release()
	return b.wire.Close()
}

// errClosed is what a body says that is read after it was closed.
var errClosed = errors.New("upstream: the body was closed")
