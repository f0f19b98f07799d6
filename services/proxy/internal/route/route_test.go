package route

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/query"
)

func torii(t testing.TB) *Provider {
	t.Helper()
	c, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	table, err := New(c, map[string]string{"torii": "https://torii.example/base/v1.0/"})
	if err != nil {
		t.Fatal(err)
	}
	p, ok := table.Provider("torii")
	if !ok {
		t.Fatal("no torii")
	}
	return p
}

func TestBind(t *testing.T) {
	p := torii(t)
	for _, tt := range []struct {
		name, operation, id, query, body string
		want                             string // method, URL; or what the error says
	}{
		{"a list", "torii.users.list", "", "email=a%40b.c&x=1", "", "GET https://torii.example/base/v1.0/users?email=a%40b.c&x=1"},
		{"a record", "torii.users.get", "7", "", "", "GET https://torii.example/base/v1.0/users/7"},
		{"an id that leads elsewhere", "torii.users.get", "a/../b?c", "", "", "id: is not an id"},
		{"parents from the query", "torii.user_applications.get", "9", "id_user=7&fields=id", "", "GET https://torii.example/base/v1.0/users/7/apps/9?fields=id"},
		{"an id from the query", "torii.users.get", "", "id=7", "", "GET https://torii.example/base/v1.0/users/7"},
		{"wider fields", "torii.contracts.get", "7", "", "", "GET https://torii.example/base/v1.0/contracts/7?fields="},
		{"fields given", "torii.contracts.get", "7", "fields=id", "", "GET https://torii.example/base/v1.0/contracts/7?fields=id"},
		{"a body", "torii.apps.create", "", "", `{"name":"x"}`, "POST https://torii.example/base/v1.0/apps/custom"},
		{"a body that chooses", "torii.apps.create", "", "", `{"idApp":1}`, "POST https://torii.example/base/v1.0/apps"},

		{"no id", "torii.users.get", "", "", "", "id: is required"},
		{"an id that is another call", "torii.users.get", "metadata", "", "", "id: is not an id"},
		{"the same in capitals", "torii.files.get", "URL", "", "", "id: is not an id"},
		{"a dot for an id", "torii.users.get", "..", "", "", "id: is not an id"},
		{"no parent", "torii.user_applications.get", "9", "", "", "id_user: is required"},
		{"an id too many", "torii.me.list", "1", "", "", "not about one record"},
		{"Torii's size", "torii.users.list", "", "size=1", "", "size: is called limit here"},
		{"Torii's offset", "torii.workflow_audit_logs.list", "", "offset=1", "", "offset: is called next_cursor here"},
		{"Torii's count", "torii.scim_users.list", "", "count=1&startIndex=2", "", "count: is called limit here; startIndex: is called next_cursor here"},
		{"a body where none is", "torii.users.get", "1", "", `{"x":1}`, "takes no body"},
		{"all that is missing", "torii.contracts.create", "", "", `{"name":1}`, "body.idApp: is required; body.status: is required"},
		{"a list for a body", "torii.contracts.create", "", "", `[]`, "body: the body is not a JSON object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			op, ok := p.Operation(tt.operation)
			if !ok {
				t.Fatalf("no operation %s", tt.operation)
			}
			q, err := query.Parse(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			b, err := op.Bind(tt.id, q, []byte(tt.body))
			if err != nil {
				if e, ok := errors.AsType[*rpcerr.Error](err); !ok || e.Code != rpcerr.ValidationFailed || !strings.Contains(e.Message, tt.want) {
					t.Errorf("error %v, want one that says %q", err, tt.want)
				}
				return
			}
			got := b.Target.HTTPMethod + " " + b.Target.URL(p.Base, b.Params, b.Query.String()).String()
			if got != tt.want && !(strings.HasSuffix(tt.want, "fields=") && strings.HasPrefix(got, tt.want)) {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	p := torii(t)
	for _, tt := range []struct {
		resource, method string
		code             rpcerr.Code
		fix              string
	}{
		{"user", "list", access.CodeUnknownResource, "users"},
		{"zzzzzz", "list", access.CodeUnknownResource, ""},
		{"apps", "serch", access.CodeUnknownMethod, "search"},
		{"roles", "create", access.CodeUnknownMethod, "list"},
	} {
		_, err := p.Method(tt.resource, tt.method)
		e, ok := errors.AsType[*rpcerr.Error](err)
		if !ok || e.Code != tt.code || !strings.Contains(e.Fix, tt.fix) {
			t.Errorf("%s/%s: %v, fix %q", tt.resource, tt.method, err, e.Fix)
		}
	}
}

func TestRawSharesTheBudgetOfItsOperation(t *testing.T) {
	p := torii(t)
	for path, want := range map[string]string{
		"users/7": "torii.users.get", "users/fields": "torii.user_custom_fields.list", "nothing/known": "torii.custom",
	} {
		op, err := p.Raw("GET", path)
		if err != nil {
			t.Fatal(err)
		}
		if op.GetId() != want || op.Writes {
			t.Errorf("%s is %s, writes %v; want %s", path, op.GetId(), op.Writes, want)
		}
	}
	if op, err := p.Raw("DELETE", "contracts/1"); err != nil || op.GetId() != "torii.contracts.delete" || !op.Writes {
		t.Errorf("DELETE contracts/1 = %v, %v", op, err)
	}
}

func TestNewRefusesBaseURLs(t *testing.T) {
	c, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, bases := range []map[string]string{
		{"nobody": "https://x.example"}, {"torii": "ftp://x.example"}, {"torii": "https://"}, {"torii": "https://a:b@x.example"}, {"torii": "https://x.example/?q"},
	} {
		if _, err := New(c, bases); err == nil {
			t.Errorf("New took %v", bases)
		}
	}
}

// FuzzRaw looks for a path that gets out of the base path.
func FuzzRaw(f *testing.F) {
	for _, p := range []string{"users/1", "%2e%2e/x", "a/..;/b", `a\..\b`, "%25252e", "a//b", "a%2Fb"} {
		f.Add(p)
	}
	provider := torii(f)
	f.Fuzz(func(t *testing.T, escaped string) {
		op, err := provider.Raw("GET", escaped)
		if err != nil {
			return
		}
		at, err := url.Parse(op.Target.URL(provider.Base, nil, "").String())
		if err != nil {
			t.Fatalf("%q gives no URL: %v", escaped, err)
		}
		if at.Host != "torii.example" || at.User != nil || !strings.HasPrefix(at.EscapedPath(), "/base/v1.0/") || at.RawQuery != "" || at.Fragment != "" {
			t.Fatalf("%q leads to %s", escaped, at)
		}
		for decoded, round := at.Path, 0; round < 5; round++ {
			flat := strings.ReplaceAll(decoded, `\`, "/")
			if !strings.HasPrefix(path.Clean(flat), "/base/v1.0") {
				t.Fatalf("%q leads to %q", escaped, flat)
			}
			next, err := url.PathUnescape(decoded)
			if err != nil {
				break
			}
			decoded = next
		}
	})
}

// TestNoIDNamesAnotherCall puts every word of every path in the place of every
// id: what is bound must be the operation's own call, by the same rule that
// finds the operation of a raw call.
func TestNoIDNamesAnotherCall(t *testing.T) {
	p := torii(t)
	words := map[string]bool{}
	for _, o := range p.byID {
		for _, s := range o.Target.path {
			words[s.text] = s.param == ""
		}
	}
	tried := 0
	for id, o := range p.byID {
		for word, fixed := range words {
			if !fixed || len(o.named) > 0 || !o.Target.names(ParamID) {
				continue
			}
			var q query.Query
			for _, name := range o.required {
				q = q.Add(name, "x")
			}
			var body strings.Builder
			for i, name := range o.Target.fields {
				body.WriteString(map[bool]string{true: "{", false: ","}[i == 0] + `"` + name + `":1`)
			}
			if body.Len() > 0 {
				body.WriteString("}")
			}
			b, err := o.Bind(word, q, []byte(body.String()))
			if err != nil {
				continue
			}
			tried++
			at := b.Target.URL(&url.URL{}, b.Params, "").Path
			if found, ok := p.ByPath(b.Target.HTTPMethod, at); ok && found.GetId() != id {
				t.Errorf("%s of %q calls %s", id, word, found.GetId())
			}
		}
	}
	if tried == 0 {
		t.Error("nothing was tried")
	}
}
