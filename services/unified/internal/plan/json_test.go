package plan

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/access"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
)

// agree holds the JSON of a record to the JSON that kit/wire writes of the message; it says what differs.
func agree(p *Plan, call Call, run func(Call) *Runner, record []byte) error {
	asMessage, asJSON := run(call), run(call)
	wire, err := asMessage.Append(nil, record)
	text, other := asJSON.AppendJSON(nil, record)
	if (err == nil) != (other == nil) {
		return fmt.Errorf("the message gives %v, the JSON %v", err, other)
	}
	if err != nil {
		return nil
	}
	user := new(userdirectoryv1.User)
	if err := proto.Unmarshal(wire, user); err != nil {
		return err
	}
	res := &userdirectoryv1.GetUserResponse{Result: user}
	if call.Keep != nil {
		res.Meta = &userdirectoryv1.Meta{Fields: proto.String(strings.Join(slices.Collect(maps.Keys(call.Keep)), ","))}
	}
	want, err := access.JSON().Marshal(res)
	if err != nil {
		return err
	}
	want, _, _ = bytes.Cut(bytes.TrimPrefix(want, []byte(`{"result":`)), []byte(`,"meta":`))
	if call.Keep == nil {
		want = bytes.TrimSuffix(want, []byte("}"))
	}
	if string(text) != string(want) {
		return fmt.Errorf("JSON\n%s\nmessage\n%s", text, want)
	}
	if asMessage.Warnings != asJSON.Warnings {
		return fmt.Errorf("%d warnings and %d", asMessage.Warnings, asJSON.Warnings)
	}
	return nil
}

// everything is a table that uses each kind of row.
func everything(t testing.TB) *Plan {
	return compiled(t,
		`{"name":"id","path":["/id"],"required":true}`, `{"name":"first_name","path":["/firstName"]}`, `{"name":"name","join":["/firstName","/lastName"]}`,
		`{"name":"status","path":["/s"],"convert":"lower","enum":{"on":"active"},"cases":[{"path":"/d","equals":"true","constant":"\"deleted\""}]}`,
		`{"name":"emails[0].email","path":["/email"]}`, `{"name":"emails[0].is_primary","constant":"true"}`,
		`{"name":"emails[].email","each":"/more","path":["/e",""]}`, `{"name":"emails[].is_primary","each":"/more","constant":"false"}`,
		`{"name":"languages","path":["/l"],"convert":"csv"}`, `{"name":"licenses[].id","each":"/lic","path":["/id"]}`,
		`{"name":"licenses[].last_active_at","each":"/lic","path":["/t"]}`,
		`{"name":"created_at","path":["/t"]}`, `{"name":"is_external","path":["/x"],"convert":"not"}`, `{"name":"active_apps_count","path":["/n"]}`,
		`{"name":"identifiers","path":["/i"]}`, `{"name":"custom.a","path":["/a/b/0"]}`, `{"name":"custom.t","path":["/t"],"convert":"time"}`,
		`{"name":"custom.l","path":["/l"],"convert":"csv"}`, `{"name":"bio","expression":"record.firstName + \"!\""}`, `{"name":"external_id","parameter":"app_id"}`,
		`{"name":"is_email_verified","path":["/b"]}`, `{"name":"type","constant":"\"a\\u00e9\\n\""}`, `{"name":"updated_at","constant":"\"2020-01-01T01:00:00+01:00\""}`)
}

// samples are records that try every rule.
func samples() []string {
	return []string{
		`{}`, `{"id":1}`, `{"id":9007199254740993,"firstName":"Zo\u00eb","lastName":"","s":"ON","email":"a@x","more":["b@x",{"e":"c@x"},null,{},7]}`,
		`{"id":"a\u0000\b\f\n\r\t\"\\\u2028\u007f<>&","firstName":"\ud83d\ude00\ud83d","d":true,"s":"x"}`, "{\"id\":\"\xff\xfe\",\"firstName\":\"\xc3\"}",
		`{"id":2,"l":"a, b,,","lic":[{"id":1,"t":"2020-01-01T00:00:00.100Z"},{"t":5},{"id":null}],"t":"2020-02-29T23:59:59.123456789+01:00","x":"true","n":"12"}`,
		`{"id":3,"l":["a",2,{},true,null],"t":-1,"x":0,"n":3e0,"i":{"k":[1,{"z":null}]},"a":{"b":[9007199254740993]}}`,
		`{"id":4,"t":"1969-12-31T23:59:59.999Z","a":{"b":["x"]},"a":{"b":[]},"i":[],"l":[]}`,
		`{"id":5,"more":"no list","lic":{},"firstName":7,"t":"9999-12-31T23:59:59.999999999Z"}`, `{"id":6,"t":"0000-01-01T00:00:00Z"}`,
		`{"id":7,"b":true,"n":0}`, `{"id":-0,"b":"true","n":-0}`, `{"id":1.50,"b":null,"n":1234567890}`, `{"id":true,"b":1,"n":12345678901}`, `{"id":8,"b":false,"n":1.5}`,
		`{"id":[]}`, `[]`, `null`, `{"id":1`, `{"id":1}}`, `{"id":1,"a":{"b":[}}`,
	}
}

func TestJSONIsThatOfTheMessage(t *testing.T) {
	p := everything(t)
	run := func(c Call) *Runner { return p.Runner(t.Context(), c) }
	custom := []CustomField{{"c_1", "number"}, {"firstName", "singleLine"}, {"l", "dropdownMulti"}}
	for _, record := range samples() {
		for name, call := range map[string]Call{
			"plain":  {},
			"custom": {Custom: custom, Parameters: map[string]string{"app_id": "7"}},
			"none":   {Custom: []CustomField{}},
			"masked": {Keep: map[string]bool{"emails": true, "custom": true, "custom_fields": true}, Custom: custom},
			"remote": {RemoteData: true, Keep: map[string]bool{"name": true}},
		} {
			if err := agree(p, call, run, []byte(record)); err != nil {
				t.Errorf("%s of %s: %v", name, record, err)
			}
		}
	}
}

// FuzzAppend maps arbitrary JSON: nothing panics, every answer is a message, and both encodings agree.
func FuzzAppend(f *testing.F) {
	for _, record := range samples() {
		f.Add([]byte(record))
	}
	f.Add(thousand()[0])
	p := everything(f)
	f.Fuzz(func(t *testing.T, record []byte) {
		run := func(c Call) *Runner { return p.Runner(t.Context(), c) }
		call := Call{Custom: []CustomField{{"c_1", "number"}, {"t", "bool"}, {"l", ""}}, Parameters: map[string]string{"app_id": "7"}, RemoteData: true}
		if err := agree(p, call, run, record); err != nil {
			t.Fatalf("%q: %v", record, err)
		}
		// A second record on the same runner must not see the first.
		r := p.Runner(t.Context(), call)
		if _, err := r.AppendJSON(nil, record); err != nil {
			return
		}
		again, err := r.AppendJSON(nil, []byte(`{"id":1}`))
		if want := `{"id":"1","external_id":"7","emails":[],"phones":[],"roles":[],"organizations":[],"type":"aé\n","licenses":[],"groups":[],"workspaces":[],"languages":[],"updated_at":"2020-01-01T00:00:00Z","custom_fields":{},"remote_data":{"id":1}}`; err != nil || string(again) != want {
			t.Fatalf("after %q: %s, %v", record, again, err)
		}
	})
}

// BenchmarkAppendJSON maps 1000 users into JSON.
func BenchmarkAppendJSON(b *testing.B) {
	p, rows := usersPlan(b), thousand()
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		r := p.Runner(b.Context(), Call{Custom: organisation()})
		for _, row := range rows {
			var err error
			if dst, err = r.AppendJSON(dst[:0], row); err != nil {
				b.Fatal(err)
			}
		}
	}
}
