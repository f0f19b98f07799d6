package catalog_test

import (
	"slices"
	"testing"

	"github.com/sando-dev/sando/catalog"
)

// The document of RFC 6901 section 5, and what lies deeper.
const pointed = `{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8,"~1":"tilde one",
	"errors":[{"message":"first"},{"message":null,"scopes":["users:read","apps:read"]}],"no":null,"yes":true,"scope":"a  b"}`

func TestD9Pointers(t *testing.T) {
	for pointer, want := range map[string]string{
		"/foo/0": "bar", "/foo/1": "baz", "/foo/2": "", "/foo/-": "", "/foo/00": "", "/foo/+1": "", "/foo/01": "", "/foo": "",
		"/": "0", "/a~1b": "1", "/c%d": "2", "/e^f": "3", "/g|h": "4", "/i\\j": "5", "/k\"l": "6", "/ ": "7", "/m~0n": "8",
		"/~01": "tilde one", "/errors/0/message": "first", "/errors/1/message": "", "/no": "", "/no/x": "", "/yes": "true",
		"/errors/0/message/0": "", "/missing/x": "", "": "", "foo": "", "/m~2n": "",
	} {
		if got := catalog.FirstText([]byte(pointed), pointer); got != want {
			t.Errorf("%q leads to %q, want %q", pointer, got, want)
		}
	}
	if got := catalog.FirstText([]byte(`"all of it"`), "/message", ""); got != "all of it" {
		t.Errorf("the whole document is %q", got)
	}
	if got := catalog.FirstText([]byte(`no JSON`), "/message", ""); got != "" {
		t.Errorf("of what is no JSON came %q", got)
	}
	if got := catalog.FirstText([]byte(pointed), "/no", "/foo", "/errors/1/message", "/errors/0/message", "/yes"); got != "first" {
		t.Errorf("the first text is %q", got)
	}
	for pointer, want := range map[string][]string{
		"/errors/1/scopes": {"users:read", "apps:read"}, "/scope": {"a", "b"}, "/no": nil, "/errors": nil, "/foo/0": {"bar"},
	} {
		if got := catalog.FirstTexts([]byte(pointed), "/nothing", pointer); !slices.Equal(got, want) {
			t.Errorf("%q lists %q, want %q", pointer, got, want)
		}
	}
}

// What stands where the message should be is told, whatever it is.
func TestD9Messages(t *testing.T) {
	for document, want := range map[string]string{
		`{"message":"a","error":"b"}`:                      "a",
		`{"message":7}`:                                    "7",
		`{"message":["must be a date","","is too long"]}`:  "must be a date; is too long",
		`{"message":{"text":"no", "code":1},"error":"b"}`:  "b",
		`{"message":{"text":"no", "code":1},"error":null}`: `{"text":"no","code":1}`,
		`{"message":[{"field":"a"}, "b"]}`:                 `[{"field":"a"},"b"]`,
		`{"message":[],"error":["b"]}`:                     "b",
		`{"message":{},"error":[]}`:                        "",
		`{"message":null}`:                                 "",
		`{"message":[null]}`:                               "",
		`["b"]`:                                            "",
		``:                                                 "",
	} {
		if got := catalog.FirstMessage([]byte(document), "", "/message", "/error"); got != want {
			t.Errorf("%s says %q, want %q", document, got, want)
		}
	}
}
