package argument_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/mcp/internal/argument"
)

func operation(t testing.TB, id string) *catalogv1.Operation {
	t.Helper()
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	op, ok := data.Operation(id)
	if !ok {
		t.Fatalf("no operation %s", id)
	}
	return op
}

func TestPlaces(t *testing.T) {
	tests := []struct {
		name, operation, arguments string
		id, query, body            string
		limit                      int
	}{
		{"record below a parent", "torii.user_applications.get", `{"id_user":7,"id":"3"}`, "3", "id_user=7", "", 0},
		{"page", "torii.users.list", `{"limit":10,"next_cursor":"c","q":"a b&c"}`, "", "q=a+b%26c", "", 10},
		{"false is given", "torii.users.list", `{"isExternal":false}`, "", "isExternal=false", "", 0},
		{"body as it came", "torii.apps.update", `{"id":1,"c_x":{"a":[1.0,9007199254740993]}}`, "1", "", `{"c_x":{"a":[1.0,9007199254740993]}}`, 0},
		{"integers of clients that have floats only", "torii.users.list", `{"limit":10.0}`, "", "", "", 10},
		{"an id of such a client", "torii.users.get", `{"id":7.0}`, "7", "", "", 0},
		{"no arguments", "torii.roles.list", ``, "", "", "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v, err := argument.NewReader(operation(t, test.operation)).Read([]byte(test.arguments))
			if err != nil {
				t.Fatal(err)
			}
			got := []any{v.ID(), v.Query(), string(v.Body()), v.Limit()}
			if diff := cmp.Diff([]any{test.id, test.query, test.body, test.limit}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	tests := []struct{ operation, arguments, field, says string }{
		{"torii.users.list", `[]`, "arguments", "must be a JSON object"},
		{"torii.users.list", `{"q":"a","q":"b"}`, "arguments", `has "q" more than once`},
		{"torii.users.list", `{"q":"a"`, "arguments", "not valid JSON"},
		{"torii.users.list", `{"limit":0}`, "limit", "at least 1"},
		{"torii.users.list", `{"limit":1.5}`, "limit", "must be an integer, not number"},
		{"torii.users.list", `{"filters":"[{"}`, "filters", "holds JSON"},
		{"torii.users.list", `{"email":"nobody"}`, "email", "e-mail"},
		{"torii.users.list", `{"idUsers":"` + strings.Repeat("1,", 30) + `"}`, "idUsers", "at most 50 characters"},
		{"torii.users.get", `{"id":-1}`, "id", "must be an id"},
		{"torii.users.get", `{"id":{}}`, "id", "must be an id"},
		{"torii.contracts.create", `{"name":"a","idApp":1}`, "status", "is required"},
	}
	for _, test := range tests {
		_, err := argument.NewReader(operation(t, test.operation)).Read([]byte(test.arguments))
		e, ok := err.(*rpcerr.Error)
		if !ok || e.Code != rpcerr.ValidationFailed || len(e.Violations) == 0 {
			t.Errorf("%s %s: %v", test.operation, test.arguments, err)
			continue
		}
		if v := e.Violations[0]; v.Field != test.field || !strings.Contains(v.Description, test.says) {
			t.Errorf("%s %s: %+v", test.operation, test.arguments, v)
		}
	}
}

func TestFiles(t *testing.T) {
	op := operation(t, "torii.files.upload")
	tests := []struct {
		name, arguments string
		want            argument.File
	}{
		{"base64", `{"file":"aGk=","file_name":"a.csv","type":"attachment"}`, argument.File{Name: "a.csv", Bytes: []byte("hi")}},
		{"base64 for URLs, unpadded", `{"file":"_-8","file_name":"a.csv","type":"attachment"}`, argument.File{Name: "a.csv", Bytes: []byte{0xff, 0xef}}},
		{
			"data URL", `{"file":"data:text/csv;charset=utf-8;base64,aGk=","file_name":"a.csv","type":"attachment"}`,
			argument.File{Name: "a.csv", ContentType: "text/csv", Bytes: []byte("hi")},
		},
		{
			"resource", `{"file":{"uri":"file:///tmp/b.csv","mimeType":"text/csv","blob":"aGk="},"type":"attachment"}`,
			argument.File{Name: "b.csv", ContentType: "text/csv", Bytes: []byte("hi")},
		},
		{"text resource", `{"file":{"uri":"file:///b.csv","text":"hi"},"type":"attachment"}`, argument.File{Name: "b.csv", Bytes: []byte("hi")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v, err := argument.NewReader(op).Read([]byte(test.arguments))
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.File()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever comes in, reading it ends in values or in an error that names a field, and what is sent on is valid.
func FuzzRead(f *testing.F) {
	op := operation(f, "torii.contracts.update")
	f.Add(`{"id":1,"name":"x","c":[1,{"a":null}]}`)
	f.Add(`{"id":"9","value":{"amount":1e400}}`)
	f.Fuzz(func(t *testing.T, arguments string) {
		v, err := argument.NewReader(op).Read([]byte(arguments))
		if err != nil {
			if e, ok := err.(*rpcerr.Error); !ok || len(e.Violations) == 0 {
				t.Fatalf("%v", err)
			}
			return
		}
		if _, err := argument.NewReader(op).Read([]byte(`{"id":1,"x":` + string(v.Body()) + `}`)); err != nil {
			t.Fatalf("body %s: %v", v.Body(), err)
		}
	})
}
