package relay

import (
	"encoding/hex"
	"net/url"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/credential"
	"github.com/sando-dev/sando/services/proxy/internal/query"
	"github.com/sando-dev/sando/services/proxy/internal/route"
	"github.com/sando-dev/sando/services/proxy/internal/splice"
	"github.com/sando-dev/sando/services/proxy/internal/writes"
)

// writing is a call of an operation that finds its data under contract.
func writing(t *testing.T, shape string) *call {
	t.Helper()
	base, err := url.Parse("https://api.example.com/v1.0")
	if err != nil {
		t.Fatal(err)
	}
	op := &route.Operation{
		Operation: &catalogv1.Operation{
			Id: "torii.contracts.create", Kind: catalogv1.Kind_KIND_CREATE, Response: &catalogv1.Response{Shape: shape},
		},
		Writes: true, Plan: splice.Plan{DataKeys: []string{"contract"}},
	}
	return &call{
		caller: &access.Caller{Grant: &grant.Grant{EnvironmentID: "env"}},
		lease:  &credential.Lease{Account: "acc", Provider: &route.Provider{Base: base}},
		op:     op, header: new(connect.Header), verb: "POST", body: []byte(`{"name":"x"}`),
		bound: route.Binding{
			Params: map[string]string{"id": "7", "b": "x"}, Query: query.Query{}.Add("a", "1"), Target: &op.Target,
		},
	}
}

// TestS3FormerDigest: the digests of the version before stay what they were, as
// long as its records are kept.
func TestS3FormerDigest(t *testing.T) {
	c := writing(t, catalog.ShapeObject)
	parcel := &Parcel{Name: "a.csv", Fields: map[string]string{"type": "attachment"}}
	for name, tt := range map[string]struct {
		got  [32]byte
		want string
	}{
		"call":   {c.formerDigest(), "15e7594d615bdc0f2b9243c273d9ba933e6450df3ab56dfa667b06ea231bc429"},
		"upload": {c.formerParcelDigest(parcel, []byte("a,b\n")), "b1a6cc12ec0c3115f239df98ec2c0a07e72e109a24bd162e68f68a20fa07d3df"},
	} {
		if got := hex.EncodeToString(tt.got[:]); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestS3FormerAnswers: what the version before recorded is replayed where its
// form can be told, and never in another.
func TestS3FormerAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, shape, body string
		raw, custom       bool
		want              string // empty: OUTCOME_UNKNOWN
	}{
		{name: "data", shape: catalog.ShapeObject, body: `{"id":1}`, want: `{"id":1}`},
		{name: "a whole answer", shape: catalog.ShapeObject, body: `{"contract":{"id":1}}`},
		{name: "an envelope's end", shape: catalog.ShapeObject, body: `1,"next_cursor":"EVIL"`},
		{name: "a page", shape: catalog.ShapeObject, body: `<html>`},
		{name: "nothing", shape: catalog.ShapeObject, body: ``},
		{name: "no data expected", shape: catalog.ShapeNone, body: `<html>`, want: `{"id":"7"}`},
		{name: "raw", shape: catalog.ShapeObject, body: `{"id":1}`, raw: true},
		{name: "custom", shape: catalog.ShapeAny, body: `{"id":1}`, custom: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := writing(t, tt.shape)
			c.raw, c.op.Raw = tt.raw, tt.custom
			r, err := c.replay(&writes.Answer{Status: 200, Body: []byte(tt.body), Former: true})
			if string(r.Data) != tt.want {
				t.Errorf("%s, %v; want %s", r.Data, err, tt.want)
			}
			if tt.want == "" && rpcerr.CodeOf(err) != access.CodeOutcomeUnknown {
				t.Errorf("%v, want %s", err, access.CodeOutcomeUnknown)
			}
		})
	}
}
