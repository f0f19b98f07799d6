package records

import (
	"strconv"

	"github.com/sando-dev/sando/catalog"
)

// Pointer is a JSON pointer of RFC 6901, parsed. The empty pointer is the value itself.
type Pointer = catalog.Pointer

// ParsePointer reads a pointer such as `/primaryOwner/email`.
func ParsePointer(s string) (Pointer, error) { return catalog.ParsePointer(s) }

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
