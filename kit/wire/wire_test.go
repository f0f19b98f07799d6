package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"connectrpc.com/connect/v2"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/apipb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/kit/internal/schema"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/wire"
)

const source = `
syntax = "proto3";
package t;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

message RawJson { bytes json = 1; }

enum Color { COLOR_UNSPECIFIED = 0; COLOR_RED = 1; COLOR_GREEN = 2; }

message Inner { string name = 1; optional int32 count = 2; Inner inner = 3; repeated Inner list = 4; RawJson raw_value = 5; }

// Everything has a field of every kind.
message Everything {
  string plain_text = 1; bool flag = 2; int32 i32 = 3; sint32 s32 = 4; sfixed32 sf32 = 5; uint32 u32 = 6; fixed32 f32 = 7;
  int64 i64 = 8; sint64 s64 = 9; sfixed64 sf64 = 10; uint64 u64 = 11; fixed64 f64 = 12; float f = 13; double d = 14;
  bytes data = 15; Color color = 16; Inner inner = 17;
  optional string maybe_text = 20; optional bool maybe_flag = 21; optional int64 maybe_i64 = 22; optional Color maybe_color = 23;
  optional string next_cursor = 24;
  repeated string texts = 30; repeated int64 longs = 31; repeated Inner inners = 32; repeated Color colors = 33; repeated double doubles = 34;
  repeated bytes blobs = 35;
  map<string, string> names = 40; map<int32, Inner> by_number = 41; map<bool, Color> by_flag = 42; map<uint64, bytes> by_long = 43;
  oneof choice { string left = 50; Inner right = 51; google.protobuf.NullValue nothing = 52; }
  google.protobuf.Timestamp time = 60; google.protobuf.Duration took = 61; google.protobuf.FieldMask mask = 62;
  google.protobuf.Struct object = 63; google.protobuf.Value value = 64; google.protobuf.ListValue list = 65;
  google.protobuf.Empty empty = 66; google.protobuf.Int64Value boxed_long = 67; google.protobuf.StringValue boxed_text = 68;
  google.protobuf.BoolValue boxed_flag = 69; google.protobuf.BytesValue boxed_data = 70; repeated google.protobuf.Timestamp times = 71;
}

message Page { repeated Inner result = 1; optional string next_cursor = 2; optional string prev_cursor = 3; int32 limit = 4; }
message Person { string id = 1; repeated string tags = 2; repeated Inner friends = 3; }
message Cut { string fields = 1; optional string mask = 2; }
message Persons { repeated Person result = 1; Cut meta = 2; }
message One { Person result = 1; optional Cut meta = 2; }
message Holder { RawJson raw = 1; repeated RawJson raws = 2; map<string, RawJson> by_name = 3; string after = 4; }
`

func codec() wire.JSON {
	return wire.JSON{Raw: "t.RawJson", Always: []string{"next_cursor", "prev_cursor"}}
}

// full is a value for every field of Everything.
const full = `{
  "plain_text": "ünï \"quoted\" \u2028 <&> \n\t\u0001 😀", "flag": true, "i32": -2147483648, "s32": -1, "sf32": 2147483647, "u32": 4294967295, "f32": 7,
  "i64": "-9223372036854775808", "s64": "-5", "sf64": "9223372036854775807", "u64": "18446744073709551615", "f64": "1", "f": 1.5, "d": 1e300,
  "data": "AP/+", "color": "COLOR_RED", "inner": {"name": "a", "count": 0, "inner": {"name": "b"}, "list": [{"name": "c"}, {}]},
  "maybe_text": "", "maybe_flag": false, "maybe_i64": "0", "maybe_color": "COLOR_UNSPECIFIED", "next_cursor": "abc",
  "texts": ["", "x"], "longs": ["9007199254740993", "0"], "inners": [{"name": "d"}], "colors": ["COLOR_GREEN", 77], "doubles": ["NaN", "Infinity", "-Infinity", 0, 1e-7, 1e21, 123456789.125],
  "blobs": ["", "AA=="],
  "names": {"z": "1", "a": "2", "": "3"}, "by_number": {"10": {"name": "ten"}, "9": {"name": "nine"}, "-1": {}}, "by_flag": {"true": "COLOR_RED", "false": 9}, "by_long": {"18446744073709551615": "AA=="},
  "right": {"name": "r"},
  "time": "2026-01-31T12:00:00.120Z", "took": "1.500s", "mask": "a,bC.d", "object": {"k": [1, null, "x", {"y": true}]}, "value": null, "list": [1, "a"],
  "empty": {}, "boxed_long": "5", "boxed_text": "t", "boxed_flag": false, "boxed_data": "AA==", "times": ["1970-01-01T00:00:00Z"]
}`

func everything(t testing.TB, text string) *dynamicpb.Message {
	t.Helper()
	m := schema.Message(t, schema.Parse(t, source), "Everything")
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	return m
}

// canonical gives JSON with its members sorted and numbers as written.
func canonical(t testing.TB, b []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

func TestMarshalAgreesWithProtojson(t *testing.T) {
	reference := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: false, EmitDefaultValues: true}
	for name, text := range map[string]string{"full": full, "empty": `{}`, "left": `{"left": ""}`, "null": `{"nothing": null}`} {
		t.Run(name, func(t *testing.T) {
			m := everything(t, text)
			want, err := reference.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			got, err := wire.JSON{}.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(canonical(t, want), canonical(t, got)); diff != "" {
				t.Errorf("(-protojson +ours):\n%s", diff)
			}
			back := m.New().Interface()
			if err := (wire.JSON{}).Unmarshal(got, back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(m, back, protocmp.Transform(), cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("round trip (-sent +read):\n%s", diff)
			}
		})
	}
}

func TestMarshalIsStable(t *testing.T) {
	m := everything(t, full)
	first, err := codec().Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := codec().Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if string(again) != string(first) {
			t.Fatalf("bytes differ:\n%s\n%s", first, again)
		}
	}
}

func TestEnvelope(t *testing.T) {
	page := schema.Message(t, schema.Parse(t, source), "Page")
	tests := map[string]string{
		`{}`: `{"result":[],"next_cursor":null,"prev_cursor":null,"limit":0}`,
		`{"next_cursor":"c","limit":5,"result":[{"name":"a"}]}`: `{"result":[{"name":"a","list":[]}],"next_cursor":"c","prev_cursor":null,"limit":5}`,
		`{"next_cursor":""}`: `{"result":[],"next_cursor":"","prev_cursor":null,"limit":0}`,
	}
	for text, want := range tests {
		if err := protojson.Unmarshal([]byte(text), page); err != nil {
			t.Fatal(err)
		}
		got, err := codec().Marshal(page)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s:\ngot  %s\nwant %s", text, got, want)
		}
	}
}

func TestMask(t *testing.T) {
	j := codec()
	j.Mask = wire.Mask{Records: "result", Within: "meta", Field: "mask"}
	for _, test := range []struct {
		message    protoreflect.Name
		text, want string
	}{
		{"Persons", `{"result":[{"id":"a"}]}`, `{"result":[{"id":"a","tags":[],"friends":[]}]}`},
		{"Persons", `{"result":[{"id":"a"}],"meta":{}}`, `{"result":[{"id":"a","tags":[],"friends":[]}],"meta":{"fields":""}}`},
		{"Persons", `{"result":[{"id":"a"},{"tags":["x"]}],"meta":{"mask":"id,tags"}}`, `{"result":[{"id":"a","tags":[]},{"id":"","tags":["x"]}],"meta":{"fields":"","mask":"id,tags"}}`},
		{"One", `{"result":{"friends":[{"name":"b"}]},"meta":{"mask":"friends"}}`, `{"result":{"id":"","friends":[{"name":"b","list":[]}]},"meta":{"fields":"","mask":"friends"}}`},
		{"Page", `{"result":[{"name":"a"}]}`, `{"result":[{"name":"a","list":[]}],"next_cursor":null,"prev_cursor":null,"limit":0}`},
	} {
		m := schema.Message(t, schema.Parse(t, source), test.message)
		if err := protojson.Unmarshal([]byte(test.text), m); err != nil {
			t.Fatal(err)
		}
		got, err := j.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.text, got, test.want)
		}
	}
}

func TestRawKeepsEveryByte(t *testing.T) {
	holder := schema.Message(t, schema.Parse(t, source), "Holder")
	raw := `{ "n" : 9007199254740993.000, "e":1E400,"s":"\u00e9\/", "a": [ ] , "dup": 1 }`
	in := `{"raw": ` + raw + ` ,"raws":[null, 1 , "x",[ 2 ]],"by_name":{"k": {"b":1} },"after":"ok"}`
	if err := codec().Unmarshal([]byte(in), holder); err != nil {
		t.Fatal(err)
	}
	got, err := codec().Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"raw":` + raw + `,"raws":[null,1,"x",[ 2 ]],"by_name":{"k":{"b":1}},"after":"ok"}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if err := codec().Unmarshal([]byte(`{}`), holder); err != nil {
		t.Fatal(err)
	}
	if got, _ := codec().Marshal(holder); string(got) != `{"raws":[],"by_name":{},"after":""}` {
		t.Errorf("unset raw: %s", got)
	}
	holder.Mutable(holder.Descriptor().Fields().ByName("raw"))
	if got, _ := codec().Marshal(holder); !strings.HasPrefix(string(got), `{"raw":null,`) {
		t.Errorf("empty raw: %s", got)
	}
}

// TestUnmarshalNamesTheField is, for numbers, also S12.
func TestUnmarshalNamesTheField(t *testing.T) {
	tests := []struct{ in, field, why, fix string }{
		{`{"plain_txt":"x"}`, "plain_txt", "unknown field", `Did you mean "plain_text"?`},
		{`{"zzzzzzzzzz":1}`, "zzzzzzzzzz", "unknown field", ""},
		{`{"inner":{"list":[{},{"nme":"x"}]}}`, "inner.list[1].nme", "unknown field", `Did you mean "name"?`},
		{`{"by_number":{"5":{"nme":"x"}}}`, "by_number[5].nme", "unknown field", `Did you mean "name"?`},
		{`{"by_number":{"x":{}}}`, "by_number[x]", "the key must be an integer", ""},
		{`{"i32":2147483648}`, "i32", "must be an integer", ""},
		{`{"i32":1.5}`, "i32", "must be an integer", ""},
		{`{"i32":"x"}`, "i32", "must be an integer", ""},
		{`{"u32":-1}`, "u32", "must be an integer", ""},
		{`{"i32":"+5"}`, "i32", "must be an integer", ""},
		{`{"i32":"05"}`, "i32", "must be an integer", ""},
		{`{"i32":" 5"}`, "i32", "must be an integer", ""},
		{`{"i32":"1_0"}`, "i32", "must be an integer", ""},
		{`{"i32":"\u0665"}`, "i32", "must be an integer", ""},
		{`{"u32":"4294967301"}`, "u32", "must be an integer", ""},
		{`{"i32":true}`, "i32", "must be an integer", ""},
		{`{"flag":"true"}`, "flag", "must be a boolean", ""},
		{`{"plain_text":5}`, "plain_text", "must be a string", ""},
		{`{"plain_text":{}}`, "plain_text", "must be a string, not an object", ""},
		{`{"texts":"x"}`, "texts", "must be an array, not a string", ""},
		{`{"texts":[null]}`, "texts[0]", "must be a string, not null", ""},
		{`{"inners":[5]}`, "inners[0]", "must be an object, not a number", ""},
		{`{"names":[]}`, "names", "must be an object, not an array", ""},
		{`{"data":"***"}`, "data", "must be a base64 string", ""},
		{`{"color":"COLOR_RAD"}`, "color", "must be one of COLOR_UNSPECIFIED, COLOR_RED, COLOR_GREEN", "Did you mean COLOR_RED?"},
		{`{"f":"0x1p3"}`, "f", "must be a number", ""},
		{`{"time":"yesterday"}`, "time", "must be a Timestamp", ""},
		{`{"empty":{"x":1}}`, "empty", "must be an Empty", ""},
		{`{"left":"a","right":{}}`, "right", "cannot be given together with left", ""},
		{`{"i32":1,"i32":2}`, "", "the field i32 is given twice", ""},
		{`{"plain_text":"a","plainText":"b"}`, "plainText", "is given twice", ""},
		{`[]`, "", "must be an object, not an array", ""},
		{`{"i32":1} {}`, "", "the body holds more than one JSON value", ""},
		{`{"i32":`, "i32", "the JSON ends too early", ""},
		{`{"inner":{`, "inner", "the JSON ends too early", ""},
		{``, "", "the JSON ends too early", ""},
		{`{"i32":1,}`, "", "not valid JSON at byte 8", ""},
		{"{\"plain_text\":\"\xff\"}", "plain_text", "not valid JSON at byte 13", ""},
	}
	m := schema.Message(t, schema.Parse(t, source), "Everything")
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			err := codec().Unmarshal([]byte(tt.in), m)
			var e *rpcerr.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Code != rpcerr.ValidationFailed || len(e.Violations) != 1 {
				t.Fatalf("got %+v", e)
			}
			want := rpcerr.Violation{Field: tt.field, Description: tt.why}
			if e.Violations[0] != want || e.Fix != tt.fix {
				t.Errorf("got %+v, fix %q; want %+v, fix %q", e.Violations[0], e.Fix, want, tt.fix)
			}
		})
	}
}

func TestUnmarshalTakes(t *testing.T) {
	tests := map[string]string{
		`{"plainText":"x"}`:                                              `{"plain_text":"x"}`,
		`{"i32":"5","i64":5,"u64":1e3}`:                                  `{"i32":5,"i64":"5","u64":"1000"}`,
		`{"i32":5.0,"i64":"-0"}`:                                         `{"i32":5,"i64":"0"}`,
		`{"color":2,"colors":["COLOR_RED"]}`:                             `{"color":"COLOR_GREEN","colors":["COLOR_RED"]}`,
		`{"data":"_-8","blobs":["-_8="]}`:                                `{"data":"/+8=","blobs":["+/8="]}`,
		`{"inner":null,"texts":null,"i32":null,"left":null,"time":null}`: `{}`,
		`{"d":"1.5","f":"NaN"}`:                                          `{"d":1.5,"f":"NaN"}`,
	}
	for in, want := range tests {
		got := everything(t, `{}`)
		if err := codec().Unmarshal([]byte(in), got); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if diff := cmp.Diff(everything(t, want), got, protocmp.Transform(), cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}

func TestUnmarshalResets(t *testing.T) {
	m := everything(t, full)
	if err := codec().Unmarshal([]byte(`{"flag":true}`), m); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(everything(t, `{"flag":true}`), m, protocmp.Transform(), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTimestampsAgreeWithProtojson(t *testing.T) {
	for _, at := range []*timestamppb.Timestamp{
		{},
		{Seconds: 1},
		{Nanos: 1},
		{Nanos: 1e3},
		{Nanos: 1e6},
		{Nanos: 999_999_999},
		{Nanos: 120_000_000},
		{Seconds: -1, Nanos: 5e8},
		{Seconds: -62135596800},
		{Seconds: 253402300799, Nanos: 999_999_999},
	} {
		want, err := protojson.Marshal(at)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := codec().Marshal(at); err != nil || string(got) != string(want) {
			t.Errorf("got %s (%v), want %s", got, err, want)
		}
	}
	for _, at := range []*timestamppb.Timestamp{{Nanos: -1}, {Seconds: 253402300800}} {
		if got, err := codec().Marshal(at); err == nil {
			t.Errorf("%v was written as %s", at, got)
		}
	}
}

func TestCodec(t *testing.T) {
	c := codec().Codec()
	m := everything(t, `{"flag":true}`)
	var plain, stable bytes.Buffer
	if err := c.MarshalWrite(t.Context(), &plain, m); err != nil {
		t.Fatal(err)
	}
	if err := c.(connect.StableCodec).MarshalWriteStable(t.Context(), &stable, m); err != nil || stable.String() != plain.String() {
		t.Errorf("stable %s, plain %s, %v", &stable, &plain, err)
	}
	back := m.New().Interface()
	if err := c.UnmarshalRead(t.Context(), &plain, back); err != nil || !proto.Equal(m, back) {
		t.Errorf("read %v, %v", back, err)
	}
	for name, err := range map[string]error{
		"empty":     c.UnmarshalRead(t.Context(), strings.NewReader(""), back),
		"not proto": c.UnmarshalRead(t.Context(), strings.NewReader("{}"), new(int)),
		"to write":  c.MarshalWrite(t.Context(), &plain, 5),
		"broken":    c.UnmarshalRead(t.Context(), iotest.ErrReader(io.ErrClosedPipe), back),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestGatewayDecoder also decodes into one field of a request, as the gateway
// does for a route whose body is a field.
func TestGatewayDecoder(t *testing.T) {
	g := codec().Gateway()
	var field *timestamppb.Timestamp
	if err := g.NewDecoder(strings.NewReader(` "1970-01-01T00:00:05Z" `)).Decode(&field); err != nil || field.GetSeconds() != 5 {
		t.Errorf("field %v, %v", field, err)
	}
	if err := g.NewDecoder(strings.NewReader(" \n")).Decode(&field); !errors.Is(err, io.EOF) {
		t.Errorf("blanks: %v", err)
	}
	var text string
	if err := g.NewDecoder(strings.NewReader("{}")).Decode(&text); err == nil {
		t.Error("a string is not a message")
	}
	var out bytes.Buffer
	if err := g.NewEncoder(&out).Encode(field); err != nil || out.String() != `"1970-01-01T00:00:05Z"` {
		t.Errorf("wrote %s, %v", &out, err)
	}
	if g.ContentType(nil) != "application/json" {
		t.Error("content type")
	}
}

func BenchmarkMarshal(b *testing.B) {
	page := &apipb.Api{}
	for range 100 {
		page.Methods = append(page.Methods, &apipb.Method{Name: "some name or other", RequestTypeUrl: "https://example.com/a", ResponseStreaming: true})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec().Marshal(page); err != nil {
			b.Fatal(err)
		}
	}
}

func TestMarshalRefusesText(t *testing.T) {
	m := everything(t, `{}`)
	m.Set(m.Descriptor().Fields().ByName("plain_text"), protoreflect.ValueOfString("\xff"))
	if _, err := codec().Marshal(m); err == nil {
		t.Error("text that is not UTF-8 was written")
	}
}

// FuzzUnmarshal compares with protojson: what ours takes, protojson takes with
// the same result; what protojson takes, ours takes unless it is an integer
// beyond 2^53 in scientific notation.
func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(full))
	for _, s := range []string{`{}`, `{"left":"a","right":{}}`, `{"i64":1e18}`, `{"by_flag":{"true":1}}`, `{"value":{"a":[null]}}`, `{"took":"-0.000000001s"}`} {
		f.Add([]byte(s))
	}
	md := schema.Parse(f, source).Messages().ByName("Everything")
	f.Fuzz(func(t *testing.T, in []byte) {
		ours, theirs := dynamicpb.NewMessage(md), dynamicpb.NewMessage(md)
		err, reference := wire.JSON{}.Unmarshal(in, ours), protojson.Unmarshal(in, theirs)
		switch {
		case err == nil && reference != nil:
			t.Fatalf("protojson refuses it: %v", reference)
		case err != nil && reference == nil && !strings.ContainsAny(string(in), "eE."):
			t.Fatalf("ours refuses it: %v", err)
		case err == nil && !proto.Equal(ours, theirs):
			t.Fatalf("ours %v\ntheirs %v", ours, theirs)
		}
		if err != nil {
			return
		}
		out, err := wire.JSON{}.Marshal(ours)
		if err != nil {
			t.Fatal(err)
		}
		again := dynamicpb.NewMessage(md)
		if err := (wire.JSON{}).Unmarshal(out, again); err != nil || !proto.Equal(ours, again) {
			t.Fatalf("round trip: %v\n%s", err, out)
		}
	})
}
