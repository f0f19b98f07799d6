package splice

import (
	"bytes"
	"errors"
	"sync"
)

// Members lists the top-level names of a JSON object, and refuses anything
// else: what is sent on must be what it claims to be.
func Members(body []byte) ([]string, error) {
	l, _ := listers.Get().(*lister)
	defer l.release()
	l.body, l.names = body, nil
	l.scanner.reset(l, 1)
	switch _, err := l.scanner.scan(body, true); {
	case err != nil:
		return nil, err
	case !l.scanner.complete():
		return nil, ErrTruncated
	default:
		return l.names, nil
	}
}

// A lister lists the names of a body.
type lister struct {
	scanner scanner
	body    []byte
	from    int
	names   []string
}

func (l *lister) release() {
	l.body, l.names, l.scanner.text = nil, nil, nil
	listers.Put(l)
}

var listers = sync.Pool{New: func() any { return new(lister) }} //nolint:gochecknoglobals // a pool of buffers has no state of its own

func (l *lister) event(ev event, at int) error {
	switch {
	case ev == valueStart && l.scanner.level == 0 && l.body[at-1] != '{':
		return errors.New("the body is not a JSON object")
	case ev == nameStart:
		l.from = at
	case ev == nameEnd:
		l.names = append(l.names, string(unescape(bytes.Clone(l.body[l.from:at-1]))))
	}
	return nil
}

// Valid says whether a body is one JSON value.
func Valid(body []byte) bool {
	l, _ := listers.Get().(*lister)
	defer l.release()
	l.scanner.reset(nobody{}, 0)
	_, err := l.scanner.scan(body, true)
	return err == nil && l.scanner.complete()
}

// nobody watches.
type nobody struct{}

func (nobody) event(event, int) error { return nil }
