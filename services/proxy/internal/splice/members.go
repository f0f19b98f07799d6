package splice

import (
	"bytes"
	"errors"
)

// Members lists the top-level names of a JSON object, and refuses anything
// else: what is sent on must be what it claims to be.
func Members(body []byte) ([]string, error) {
	m := machine{watch: 1, shape: new(shape)}
	var names []string
	for i, from := 0, 0; ; {
		var ev event
		i, ev = m.scan(body, i)
		switch {
		case ev == used && m.fault != "":
			return nil, &MalformedError{Offset: int64(i), Reason: m.fault}
		case ev == used && !m.finish():
			return nil, ErrTruncated
		case ev == used:
			return names, nil
		case ev == valueStart && m.level == 0 && body[i-1] != '{':
			return nil, errors.New("the body is not a JSON object")
		case ev == nameStart:
			from = i
		case ev == nameEnd:
			names = append(names, string(unescape(bytes.Clone(body[from:i-1]))))
		}
	}
}

// Valid says whether a body is one JSON value.
func Valid(body []byte) bool {
	m := machine{watch: -1, shape: new(shape)}
	_, _ = m.scan(body, 0)
	return m.fault == "" && m.finish()
}
