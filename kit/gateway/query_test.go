package gateway

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/sando-dev/sando/kit/internal/schema"
	"github.com/sando-dev/sando/kit/rpcerr"
)

const source = `
syntax = "proto3";
package t;
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
enum Status { STATUS_UNSPECIFIED = 0; STATUS_ACTIVE = 1; }
message Filter { string name = 1; optional int32 age = 2; Filter inner = 3; repeated Filter many = 4; }
message Request {
  string id = 1; optional int32 limit = 2; optional string next_cursor = 3; repeated string tags = 4; Status status = 5;
  optional google.protobuf.Timestamp created_at_gt = 6; optional google.protobuf.Timestamp created_at_lt = 7;
  Filter filter = 8; google.protobuf.Duration wait = 9; google.protobuf.FieldMask fields = 10; bool flag = 11;
  oneof who { string user = 12; string team = 13; } map<string, string> labels = 14; google.protobuf.Struct object = 15;
  double ratio = 16; bytes data = 17; uint64 size = 18; repeated int64 numbers = 19; Filter body = 20;
}
`

// idAndBody is what the path and the body of the test route hold.
func idAndBody() *utilities.DoubleArray {
	return utilities.NewDoubleArray([][]string{{"id"}, {"body"}})
}

func TestQuery(t *testing.T) {
	fd := schema.Parse(t, source)
	tests := map[string]string{
		``:                        `{}`,
		`limit=5&next_cursor=abc`: `{"limit":5,"next_cursor":"abc"}`,
		`limit=0&next_cursor=`:    `{"limit":0,"next_cursor":""}`,
		`tags=a&tags=b%26c`:       `{"tags":["a","b&c"]}`,
		`numbers=1&numbers=-2`:    `{"numbers":["1","-2"]}`,
		`status=STATUS_ACTIVE`:    `{"status":"STATUS_ACTIVE"}`,
		`created_at[gt]=2026-01-31T10:00:00%2B02:00`:           `{"created_at_gt":"2026-01-31T08:00:00Z"}`,
		`created_at%5Blt%5D=2026-01-31`:                        `{"created_at_lt":"2026-01-31T00:00:00Z"}`,
		`created_at_gt=2026-01-31T08:00:00.5Z`:                 `{"created_at_gt":"2026-01-31T08:00:00.5Z"}`,
		`filter.name=x&filter.inner.age=3`:                     `{"filter":{"name":"x","inner":{"age":3}}}`,
		`wait=1500ms&fields=a,b.c&flag=false`:                  `{"wait":"1.5s","fields":"a,b.c","flag":false}`,
		`user=u&ratio=0.5&data=AP_-&size=18446744073709551615`: `{"user":"u","ratio":0.5,"data":"AP/+","size":"18446744073709551615"}`,
	}
	for query, want := range tests {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		got, expect := schema.Message(t, fd, "Request"), schema.Message(t, fd, "Request")
		if err := (parser{}).Parse(got, values, idAndBody()); err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if err := protojson.Unmarshal([]byte(want), expect); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(expect, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
		if len(values) != 0 {
			t.Errorf("%s: %v is left as if nobody had read it", query, values)
		}
	}
}

// A dot after a field that has no fields itself leads to what the service filters by.
func TestQueryWithDots(t *testing.T) {
	fd := schema.Parse(t, `syntax = "proto3"; package t; message Request { optional string own = 1; optional string filters = 2; }`)
	got := schema.Message(t, fd, "Request")
	if err := (parser{}).Parse(got, url.Values{"own": {"a"}, "own.b": {"c"}, "new.d": {"e"}}, utilities.NewDoubleArray(nil)); err != nil {
		t.Fatal(err)
	}
	want := schema.Message(t, fd, "Request")
	if err := protojson.Unmarshal([]byte(`{"own":"a","filters":"new.d=e&own.b=c"}`), want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

// TestQueryRefuses is, for numbers and durations, also S12.
func TestQueryRefuses(t *testing.T) {
	fd := schema.Parse(t, source)
	tests := []struct{ query, field, why, fix string }{
		{"limt=5", "limt", "unknown query parameter", `Did you mean "limit"?`},
		{"created_at[gte]=2026-01-31", "created_at[gte]", "unknown query parameter", `Did you mean "created_at_gt"?`},
		{"limit[gt]=5", "limit[gt]", "unknown query parameter", ""},
		{"limit[]=5", "limit[]", "unknown query parameter", `Did you mean "limit"?`},
		{"filter[inner][age]=5", "filter[inner][age]", "unknown query parameter", ""},
		{"id=5", "id", "unknown query parameter", ""},
		{"body.name=5", "body.name", "unknown query parameter", ""},
		{"limit.x=5", "limit.x", "unknown query parameter", ""},
		{"filter.many.name=5", "filter.many.name", "unknown query parameter", ""},
		{"filter=5", "filter", "cannot be given in a query", ""},
		{"labels=5", "labels", "cannot be given in a query", ""},
		{"object=5", "object", "cannot be given in a query", ""},
		{"limit=5&limit=6", "limit", "is given more than once", ""},
		{"created_at[gt]=2026-01-31&created_at_gt=2026-01-31", "created_at_gt", "is given twice, as created_at[gt] too", ""},
		{"limit=5x", "limit", "must be an integer", ""},
		{"limit=99999999999", "limit", "must be an integer", ""},
		{"size=-1", "size", "must be an integer", ""},
		{"limit=%2B5", "limit", "must be an integer", ""},
		{"limit=05", "limit", "must be an integer", ""},
		{"limit=-0", "limit", "must be an integer", ""},
		{"limit=%205", "limit", "must be an integer", ""},
		{"limit=%D9%A5", "limit", "must be an integer", ""},
		{"limit=", "limit", "must be an integer", ""},
		{"size=18446744073709551617", "size", "must be an integer", ""},
		{"wait=-1s", "wait", "must be a duration such as 90s", ""},
		{"wait=9223372036854775808", "wait", "must be a duration such as 90s", ""},
		{"wait=%2B5s", "wait", "must be a duration such as 90s", ""},
		{"flag=1", "flag", "must be true or false", ""},
		{"ratio=NaN", "ratio", "must be a number", ""},
		{"data=!", "data", "must be base64", ""},
		{"status=active", "status", "must be one of STATUS_UNSPECIFIED, STATUS_ACTIVE", ""},
		{"created_at[gt]=yesterday", "created_at[gt]", "must be a time such as 2026-01-31T12:00:00Z or a date such as 2026-01-31", ""},
		{"wait=long", "wait", "must be a duration such as 90s", ""},
		{"numbers=1&numbers=x", "numbers", "must be an integer", ""},
		{"user=u&team=t", "user", "cannot be given together with team", ""},
		{"=5", "", "unknown query parameter", ""},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			values, err := url.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			err = parser{}.Parse(schema.Message(t, fd, "Request"), values, idAndBody())
			var p packed
			if !errors.As(err, &p) {
				t.Fatalf("got %v", err)
			}
			// What generated code keeps of it is its text.
			e, ok := unpack(p.Error())
			if !ok || e.Code != rpcerr.ValidationFailed || len(e.Violations) != 1 {
				t.Fatalf("got %+v", e)
			}
			if v := e.Violations[0]; v.Field != tt.field || v.Description != tt.why {
				t.Errorf("got %+v, want %q %q", v, tt.field, tt.why)
			}
			if !strings.Contains(e.Fix, tt.fix) {
				t.Errorf("fix %q, want %q", e.Fix, tt.fix)
			}
		})
	}
}

func TestUnpackIsNotFooled(t *testing.T) {
	for _, text := range []string{"", "x", mark, mark + "{", "type mismatch: " + mark + `{"Code":"INTERNAL"}`} {
		if e, ok := unpack(text); ok {
			t.Errorf("%q was read as %+v", text, e)
		}
	}
}

// FuzzQuery: a query is either read to its last key or refused by name.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{"limit=5&tags=a", "created_at[gt]=2026-01-31", "filter.inner.name=x", "a[b]c=1", "user=u&team=t", "wait=1h&data=AA"} {
		f.Add(q)
	}
	fd := schema.Parse(f, source)
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		err = parser{}.Parse(schema.Message(t, fd, "Request"), values, idAndBody())
		switch p := (packed{}); {
		case err == nil && len(values) > 0:
			t.Errorf("%q: %v is left", query, values)
		case err != nil && !errors.As(err, &p):
			t.Errorf("%q: %v", query, err)
		case err != nil && len(p.err.Violations) != 1:
			t.Errorf("%q: %+v", query, p.err)
		}
	})
}
