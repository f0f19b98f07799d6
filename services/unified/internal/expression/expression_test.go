package expression

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
)

func field(name string, types ...string) *catalogv1.Field {
	return &catalogv1.Field{Name: name, Schema: &catalogv1.Schema{Types: types}}
}

func usersList() *catalogv1.Operation {
	owner := field("owner", "object")
	owner.Schema.Fields = []*catalogv1.Field{field("email", "string")}
	emails := field("emails", "array")
	emails.Schema.Items = &catalogv1.Schema{Types: []string{"string"}}
	return &catalogv1.Operation{Id: "torii.users.list", Response: &catalogv1.Response{Fields: []*catalogv1.Field{
		field("id", "integer"), field("firstName", "string"), field("isExternal", "boolean"), field("idOrg", "number"),
		field("tags", "string", "array"), owner, emails, field("created", "string"),
	}}}
}

func mapping(t *testing.T) *Env {
	t.Helper()
	env, err := NewMapping(usersList())
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestMap(t *testing.T) {
	const record = `{"id":9007199254740993,"firstName":"Zoë","isExternal":true,"idOrg":9007199254740993,"tags":"a,b","owner":{"email":"o@x"},` +
		`"emails":["a@x","b@y"],"created":"2020-01-01T00:00:00Z","c_dept":{"name":"R\u0026D","n":9007199254740993},"gone":null}`
	for _, test := range []struct {
		text string
		want Want
		got  func(Result) any
		is   any
	}{
		{`record.firstName + "!"`, Text, func(r Result) any { return r.Text }, "Zoë!"},
		{`string(record.id)`, Text, func(r Result) any { return r.Text }, "9007199254740993"},
		{`string(record.idOrg)`, Text, func(r Result) any { return r.Text }, "9007199254740993"},
		{`record.id + 1`, Int, func(r Result) any { return r.Int }, int64(9007199254740994)},
		{`!record.isExternal`, Bool, func(r Result) any { return r.Bool }, false},
		{`has(record.owner) && record.owner.email.endsWith("@x")`, Bool, func(r Result) any { return r.Bool }, true},
		{`timestamp(record.created)`, Time, func(r Result) any { return r.Time.UTC() }, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)},
		{`record.emails.filter(e, e.endsWith("x"))`, Texts, func(r Result) any { return strings.Join(r.Texts, " ") }, "a@x"},
		{`field(record, "/c_dept/name")`, Text, func(r Result) any { return r.Text }, "R&D"},
		{`field(record, "/c_dept")`, JSON, func(r Result) any { return string(r.JSON) }, `{"n":9007199254740993,"name":"R&D"}`},
		{`record.owner`, JSON, func(r Result) any { return string(r.JSON) }, `{"email":"o@x"}`},
		{`context.integrated_account_id + context.environment_id`, Text, func(r Result) any { return r.Text }, "acctenv"},
		{`field(record, "/gone")`, Text, func(r Result) any { return r.Absent }, true},
		{`null`, Text, func(r Result) any { return r.Absent }, true},
	} {
		p, err := mapping(t).Compile(test.text, test.want)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		r, err := p.Map(t.Context(), []byte(record), NewFacts("env", "acct"))
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if got := test.got(r); got != test.is {
			t.Errorf("%s: got %v, want %v", test.text, got, test.is)
		}
	}
}

func TestMapOfAbsentAndWrongTypes(t *testing.T) {
	for _, test := range []struct {
		text, record string
		absent       bool
		warnings     int
	}{
		{`record.firstName + "!"`, `{}`, true, 0},
		{`record.firstName + "!"`, `{"firstName":null}`, true, 0},
		{`record.firstName + "!"`, `{"firstName":7}`, true, 1},
		{`has(record.firstName) ? record.firstName : "none"`, `{"firstName":7}`, false, 0},
		{`record.owner.email`, `{"owner":5}`, true, 1},
		{`string(record.id)`, `{"id":1.5}`, true, 1},
	} {
		p, err := mapping(t).Compile(test.text, Text)
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.Map(t.Context(), []byte(test.record), NewFacts("", ""))
		if err != nil {
			t.Errorf("%s of %s: %v", test.text, test.record, err)
		}
		if r.Absent != test.absent || r.Warnings != test.warnings {
			t.Errorf("%s of %s: absent %t, warnings %d", test.text, test.record, r.Absent, r.Warnings)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		says string
	}{
		"type error":       {`record.firstName + 1`, "no matching overload"},
		"unknown field":    {`record.fristName`, `undefined field 'fristName'; did you mean "firstName"?`},
		"wrong result":     {`record.isExternal`, "yields bool, but the field takes string"},
		"unknown function": {`shell("id")`, "undeclared reference"},
		"secrets":          {`secrets.api_key`, "undeclared reference"},
		"environment":      {`env.HOME`, "undeclared reference"},
		"runaway cost":     {`record.emails.map(a, record.emails.map(b, a + b).size())[0] > 0 ? "x" : "y"`, "may cost up to"},
		"deep loops":       {`[1].map(a,[1].map(b,[1].map(c,1)))==[] ? "" : ""`, "nesting"},
		"recursion":        {strings.Repeat("(", 5000) + `""` + strings.Repeat(")", 5000), "bytes"},
		"deep recursion":   {strings.Repeat("-(", 100) + `1` + strings.Repeat(")", 100), "recursion"},
		"too long":         {`"` + strings.Repeat("a", 1<<20) + `"`, "bytes"},
		"regex bomb":       {`record.firstName.matches("((a{1,100}){1,10}){1,10}") ? "" : ""`, "matches argument"},
		"bad UTF-8":        {"\"\xff\"", "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mapping(t).Compile(test.text, Text)
			if err == nil {
				t.Fatal("it was taken")
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("says %q, want %q in it", err, test.says)
			}
		})
	}
}

func TestRunIsBounded(t *testing.T) {
	p, err := mapping(t).Compile(`record.emails.map(e, e + e + e + e).size() > 0 ? "x" : "y"`, Text)
	if err != nil {
		t.Fatal(err)
	}
	record := `{"emails":["` + strings.Repeat(strings.Repeat("x", 1000)+`","`, 2000) + `"]}`
	if _, err := p.Map(t.Context(), []byte(record), nil); err == nil || !strings.Contains(err.Error(), "cost limit") {
		t.Errorf("a huge list: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Map(ctx, []byte(record), nil); err == nil {
		t.Error("a cancelled call went on")
	}
	big, err := mapping(t).Compile(`record.firstName + record.firstName`, Text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := big.Map(t.Context(), []byte(`{"firstName":"`+strings.Repeat("x", MaxOutput)+`"}`), nil); err == nil {
		t.Error("a huge output was taken")
	}
}

func TestFilter(t *testing.T) {
	env, err := NewFilter(&userdirectoryv1.User{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := env.Compile(`record.roles.exists(r, r.id == value)`, Bool)
	if err != nil {
		t.Fatal(err)
	}
	user := &userdirectoryv1.User{Roles: []*userdirectoryv1.UserRole{{Id: proto.String("7")}}}
	for value, want := range map[string]bool{"7": true, "8": false} {
		if got, err := p.Holds(t.Context(), user, value); err != nil || got != want {
			t.Errorf("%s: %t, %v", value, got, err)
		}
	}
	if _, err := env.Compile(`record.nope == value`, Bool); err == nil {
		t.Error("an unknown field was taken")
	}
}
