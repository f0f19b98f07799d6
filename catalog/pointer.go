package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Pointer is a JSON pointer (RFC 6901), parsed. The empty pointer is the document itself.
type Pointer []string

// ParsePointer reads a pointer such as `/primaryOwner/email` or `/errors/0/message`.
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

// Find gives the value that the pointer leads to; nil when there is none. It decodes one level of the document after the other: it is for
// documents that are read once, such as errors.
func (p Pointer) Find(document []byte) json.RawMessage {
	at := json.RawMessage(document)
	for _, token := range p {
		var members map[string]json.RawMessage
		var elements []json.RawMessage
		switch {
		case json.Unmarshal(at, &members) == nil && members != nil:
			at = members[token]
		case json.Unmarshal(at, &elements) == nil:
			n, err := strconv.Atoi(token)
			if err != nil || n < 0 || n >= len(elements) || token != strconv.Itoa(n) {
				return nil
			}
			at = elements[n]
		default:
			return nil
		}
	}
	return at
}

// FirstText gives the first text, number or boolean that one of the pointers leads to; empty for none. A pointer that cannot be read, which the
// loader refuses, leads nowhere.
func FirstText(document []byte, pointers ...string) string {
	for _, pointer := range pointers {
		if text := textOf(find(document, pointer)); text != "" {
			return text
		}
	}
	return ""
}

// FirstMessage is FirstText for what people read: where no pointer leads to a text, the texts of the first list that is not empty come one after
// the other, or else the first other value as JSON.
func FirstMessage(document []byte, pointers ...string) string {
	if text := FirstText(document, pointers...); text != "" {
		return text
	}
	for _, pointer := range pointers {
		if pointer == "" {
			continue // the whole document is shown anyway
		}
		value := find(document, pointer)
		var texts []string
		if json.Unmarshal(value, &texts) == nil {
			texts = slices.DeleteFunc(texts, func(text string) bool { return text == "" })
			if text := strings.Join(texts, "; "); text != "" {
				return text
			}
			continue
		}
		var compact bytes.Buffer
		if json.Compact(&compact, value) == nil && compact.Len() > len("{}") {
			return compact.String()
		}
	}
	return ""
}

// FirstTexts is FirstText for lists: an array of texts, or one text with spaces between its words.
func FirstTexts(document []byte, pointers ...string) []string {
	for _, pointer := range pointers {
		value := find(document, pointer)
		var elements []json.RawMessage
		if json.Unmarshal(value, &elements) != nil {
			elements = []json.RawMessage{value}
		}
		var texts []string
		for _, element := range elements {
			texts = append(texts, strings.Fields(textOf(element))...)
		}
		if len(texts) > 0 {
			return texts
		}
	}
	return nil
}

func find(document []byte, pointer string) json.RawMessage {
	p, err := ParsePointer(pointer)
	if err != nil {
		return nil
	}
	return p.Find(document)
}

func textOf(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text // null leaves it empty
	}
	switch literal := strings.TrimSpace(string(value)); {
	case literal == "", literal[0] == '{', literal[0] == '[':
		return ""
	case json.Valid(value):
		return literal
	}
	return ""
}
