package records

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Pointer is a JSON pointer of RFC 6901, parsed. The empty pointer is the value itself.
type Pointer []string

// ParsePointer reads a pointer such as `/primaryOwner/email`.
func ParsePointer(s string) (Pointer, error) {
	if s == "" {
		return nil, nil
	}
	if s[0] != '/' {
		return nil, errors.New("a JSON pointer starts with `/`")
	}
	tokens := strings.Split(s[1:], "/")
	for i, t := range tokens {
		for rest := t; ; {
			_, after, found := strings.Cut(rest, "~")
			if !found {
				break
			}
			if after == "" || after[0] != '0' && after[0] != '1' {
				return nil, fmt.Errorf("in a JSON pointer `~` is written ~0, and `/` ~1: %q", t)
			}
			rest = after
		}
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return tokens, nil
}

// String writes the pointer.
func (p Pointer) String() string {
	var b strings.Builder
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for _, t := range p {
		b.WriteByte('/')
		b.WriteString(escape.Replace(t))
	}
	return b.String()
}

// Find gives the value that the pointer leads to; nil when there is none.
func Find(value []byte, p Pointer) []byte {
	for _, token := range p {
		switch KindOf(value) {
		case Object:
			value = memberOf(value, token)
		case Array:
			value = element(value, token)
		default:
			return nil
		}
		if value == nil {
			return nil
		}
	}
	return value
}

func memberOf(object []byte, key string) (found []byte) {
	members := MembersOf(object)
	for {
		k, v, ok := members.Next()
		if !ok {
			return found
		}
		if string(k) == key {
			found = v
		}
	}
}

func element(array []byte, token string) []byte {
	n, err := strconv.Atoi(token)
	if err != nil || n < 0 || token != strconv.Itoa(n) {
		return nil
	}
	elements := ElementsOf(array)
	for ; ; n-- {
		v, ok := elements.Next()
		if !ok {
			return nil
		}
		if n == 0 {
			return v
		}
	}
}
