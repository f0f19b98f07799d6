package relay

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/services/proxy/internal/route"
	"github.com/sando-dev/sando/services/proxy/internal/writes"
)

// The forms in which a caller may want the answer to a write.
const (
	formData      = "data"       // the data, as the catalog finds it
	formRaw       = "raw"        // the provider's bytes
	formCustom    = "custom"     // the whole answer as JSON, of a path of the caller's own
	formCustomRaw = "custom raw" // likewise, the provider's bytes
)

// form is the form in which the caller wants the answer.
func (c *call) form() string {
	switch {
	case c.op.Raw && c.raw:
		return formCustomRaw
	case c.op.Raw:
		return formCustom
	case c.raw:
		return formRaw
	default:
		return formData
	}
}

// verbOf is the HTTP method of a call: the caller's own, or that of the REST
// route of an RPC.
func verbOf(asked string, op *route.Operation) string {
	switch {
	case asked != "":
		return asked
	case op.GetKind() == catalogv1.Kind_KIND_UPDATE:
		return http.MethodPatch
	case op.GetKind() == catalogv1.Kind_KIND_DELETE:
		return http.MethodDelete
	default:
		return http.MethodPost
	}
}

// identity is whatever makes two writes the same one.
func (c *call) identity() writes.Identity {
	at := c.bound.Target.URL(c.lease.Provider.Base, c.bound.Params, "")
	id := writes.Identity{
		Environment: c.caller.Grant.EnvironmentID, Account: c.lease.Account, Operation: c.op.GetId(),
		Verb: c.verb, Path: at.EscapedPath(), Query: c.bound.Query.String(),
		ContentType: c.media, Form: c.form(), Body: c.body,
	}
	if len(c.body) > 0 {
		id.ContentType = cmp.Or(c.media, mediaJSON)
	}
	return id
}

// parcelIdentity is the identity of an upload: the boundary between the parts
// of a form is another one each time, so that the parts count.
func (c *call) parcelIdentity(p *Parcel, file []byte) writes.Identity {
	id := c.identity()
	id.ContentType, id.Body = mediaForm, file
	id.Fields = []string{p.Name, fileType(p)}
	for _, name := range slices.Sorted(maps.Keys(p.Fields)) {
		id.Fields = append(id.Fields, name, p.Fields[name])
	}
	return id
}

// formerDigest is the digest that the version before has of a write, so that
// what it has on record is neither sent again nor lost.
func (c *call) formerDigest() [32]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%s %d\x00", c.op.GetId(), len(c.bound.Params))
	for _, name := range slices.Sorted(maps.Keys(c.bound.Params)) {
		fmt.Fprintf(h, "%q=%q\x00", name, c.bound.Params[name])
	}
	fmt.Fprintf(h, "%q\x00", c.bound.Query.String())
	h.Write(c.body)
	return [32]byte(h.Sum(nil))
}

// formerParcelDigest is formerDigest of an upload.
func (c *call) formerParcelDigest(p *Parcel, file []byte) [32]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%q\x00", c.op.GetId(), p.Name)
	for _, name := range slices.Sorted(maps.Keys(p.Fields)) {
		h.Write([]byte(strconv.Quote(name) + "=" + strconv.Quote(p.Fields[name]) + "\x00"))
	}
	h.Write(file)
	return [32]byte(h.Sum(nil))
}
