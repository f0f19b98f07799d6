package unified_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
)

// documented is one case: a payload as Torii documents it, and what it becomes.
type documented struct {
	Name    string
	RPC     string
	Request json.RawMessage
	REST    string
	// Lists and Singles are what the provider answers, by resource.
	Lists   map[string][]json.RawMessage
	Singles map[string]json.RawMessage
	// Want is the result; Has are members that it must have, where the others are not pinned.
	Want json.RawMessage
	Has  map[string]json.RawMessage
	// Warnings are those of the list.
	Warnings int
}

func documentedCases(t *testing.T) []documented {
	t.Helper()
	b, err := os.ReadFile("testdata/documented.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []documented
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func (d *documented) proxy() *fakeProxy {
	proxy := &fakeProxy{rows: map[string][]string{}, singles: map[string]string{}}
	for resource, rows := range d.Lists {
		for _, row := range rows {
			proxy.rows[resource] = append(proxy.rows[resource], string(row))
		}
	}
	for key, single := range d.Singles {
		proxy.singles[key] = string(single)
	}
	return proxy
}

// caller sends a case over one transport and gives the answer as REST would show it.
type caller func(t *testing.T, d *documented) []byte

// transports are all ways to call a server.
func transports(t *testing.T, s *stand) map[string]caller {
	server := httptest.NewUnstartedServer(handler(t, s))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	h2 := &http.Transport{Protocols: new(http.Protocols)}
	h2.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(h2.CloseIdleConnections)
	rpc := func(client *http.Client, options ...connecthttp.Option) caller {
		return overRPC(connect.NewClient(connecthttp.NewTransport(client, server.URL, options...)))
	}
	codecs := connecthttp.WithCodecs(connectproto.NewBinaryCodec(), access.JSON().Codec())
	return map[string]caller{
		"rest":         overREST(server),
		"connect":      rpc(server.Client()),
		"connect json": rpc(server.Client(), codecs, connecthttp.WithSendCodec(connect.CodecNameJSON)),
		"grpc":         rpc(&http.Client{Transport: h2}, connecthttp.WithGRPC()),
		"grpc-web":     rpc(server.Client(), connecthttp.WithGRPCWeb()),
		"in process":   overRPC(s.client),
	}
}

func overREST(server *httptest.Server) caller {
	return func(t *testing.T, d *documented) []byte {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+d.REST, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer api")
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%d, %v: %s", res.StatusCode, err, body)
		}
		return body
	}
}

func overRPC(client *connect.Client) caller {
	return func(t *testing.T, d *documented) []byte {
		t.Helper()
		spec, req, res := messages(t, d.RPC)
		if err := access.JSON().Unmarshal(d.Request, req); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(as(t, "api"))
		defer cancel()
		if err := client.CallUnary(ctx, spec, req, res); err != nil {
			t.Fatal(err)
		}
		body, err := access.JSON().Marshal(res)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
}

// messages makes the spec and the messages of a procedure.
func messages(t *testing.T, procedure string) (spec connect.Spec, req, res proto.Message) {
	t.Helper()
	name := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(procedure, "/"), "/", "."))
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		t.Fatal(err)
	}
	method, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		t.Fatalf("%s is no method", name)
	}
	build := func(d protoreflect.MessageDescriptor) proto.Message {
		m, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
		if err != nil {
			t.Fatal(err)
		}
		return m.New().Interface()
	}
	return connect.Spec{Procedure: procedure, StreamType: connect.StreamTypeUnary, Schema: method}, build(method.Input()), build(method.Output())
}

func TestDocumentedPayloads(t *testing.T) {
	for _, d := range documentedCases(t) {
		t.Run(d.Name, func(t *testing.T) {
			same := ""
			for name, call := range transports(t, newStand(t, d.proxy())) {
				var got struct {
					Result json.RawMessage
					Meta   struct{ Warnings int }
				}
				body := call(t, &d)
				if err := json.Unmarshal(body, &got); err != nil {
					t.Fatalf("%s: %v: %s", name, err, body)
				}
				if same == "" {
					same = string(body)
				}
				if diff := cmp.Diff(same, string(body)); diff != "" {
					t.Errorf("%s differs from another transport by its bytes:\n%s", name, diff)
				}
				if d.Want != nil {
					if diff := cmp.Diff(canonical(t, d.Want), canonical(t, got.Result)); diff != "" {
						t.Errorf("%s:\n%s", name, diff)
					}
				}
				var members map[string]json.RawMessage
				if len(d.Has) > 0 {
					if err := json.Unmarshal(got.Result, &members); err != nil {
						t.Fatal(err)
					}
				}
				for field, want := range d.Has {
					if string(members[field]) != string(want) {
						t.Errorf("%s: %s is %s, want %s", name, field, members[field], want)
					}
				}
				if got.Meta.Warnings != d.Warnings {
					t.Errorf("%s: %d warnings, want %d", name, got.Meta.Warnings, d.Warnings)
				}
			}
		})
	}
}

// canonical puts members in order and keeps every digit of numbers.
func canonical(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEveryFieldIsDocumented holds the cases to the field tables: each row must have filled its field in one of them.
func TestEveryFieldIsDocumented(t *testing.T) {
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, d := range documentedCases(t) {
		_, _, res := messages(t, d.RPC)
		record := string(res.ProtoReflect().Descriptor().Fields().ByName("result").Message().FullName())
		s := newStand(t, d.proxy())
		var got struct{ Result json.RawMessage }
		if err := json.Unmarshal(overRPC(s.client)(t, &d), &got); err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(got.Result, &v); err != nil {
			t.Fatal(err)
		}
		paths(v, record, seen)
	}
	for _, u := range data.UnifiedResources("torii") {
		for _, f := range u.GetFields() {
			name := strings.NewReplacer("[0]", "", "[]", "").Replace(f.GetName())
			if !seen[u.GetMessage()+"."+name] {
				t.Errorf("%s/%s: no documented case fills %s", u.GetModel(), u.GetResource(), f.GetName())
			}
		}
	}
}

// paths notes every place that has a value.
func paths(v any, at string, seen map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			paths(inner, at+"."+name, seen)
		}
	case []any:
		for _, inner := range v {
			paths(inner, at, seen)
		}
	default:
		seen[at] = true
	}
	if list, ok := v.([]any); ok && len(list) > 0 {
		seen[at] = true
	}
}
