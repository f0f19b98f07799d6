package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/route"
	"github.com/sando-dev/sando/services/proxy/internal/splice"
	"github.com/sando-dev/sando/services/proxy/internal/upstream"
	"github.com/sando-dev/sando/services/proxy/internal/writes"
)

const (
	mediaJSON         = "application/json"
	mediaForm         = "multipart/form-data"
	headerContentType = "Content-Type"
)

// A Reply is what a write is answered with.
type Reply struct {
	// Data is one JSON value; with Sando-Raw it is the provider's body.
	Data []byte
	// MediaType is what the provider says that its body is.
	MediaType string
	// Status is the provider's.
	Status int
}

var (
	// errPage means that a page for people came instead of the API's answer.
	errPage = errors.New("relay: the answer is a page and not the provider's JSON")
	// errNoJSON means that an answer which calls itself JSON is none.
	errNoJSON = errors.New("relay: the answer is not the JSON that it says it is")
)

// keep reads the whole answer to a write, as it is recorded.
func (s *Service) keep(ctx context.Context, c *call, resp *upstream.Response) (*writes.Answer, error) {
	defer resp.Body.Close()
	body := &bounded{most: s.Limits.Answer}
	if _, err := io.Copy(body, resp.Body); err != nil {
		return nil, err
	}
	if c.form() != formRaw && c.form() != formCustomRaw {
		// The answer is recorded as it came, and made UTF-8 whenever it is told.
		_, replaced := splice.Text(body.Bytes())
		s.observer.replaced(ctx, c.op.GetId(), replaced)
	}
	a := &writes.Answer{Status: resp.Status, Body: body.Bytes()}
	mediaType := mediaTypeOf(c.lease, resp)
	if isPage(mediaType, a.Body) {
		a.Body = c.lease.Secrets().Bytes(a.Body)
	}
	if mediaType != "" {
		a.Header = http.Header{headerContentType: {mediaType}}
	}
	return a, nil
}

// reply makes what the caller is told out of the provider's answer: the first
// time and each time that the answer is replayed, with the same checks.
func (c *call) reply(a *writes.Answer) (Reply, error) {
	r := Reply{MediaType: a.Header.Get(headerContentType), Status: a.Status}
	var err error
	switch c.form() {
	case formRaw, formCustomRaw:
		r.Data = a.Body
	case formCustom:
		r.Data, err = whole(r.MediaType, a.Body)
	default:
		r.Data, err = c.data(r.MediaType, a.Body)
	}
	return r, err
}

// data takes the data out of the body of the answer to a write.
func (c *call) data(mediaType string, body []byte) ([]byte, error) {
	none := c.op.GetResponse().GetShape() == catalog.ShapeNone
	switch empty := len(bytes.TrimSpace(body)) == 0; {
	case none && !empty && isPage(mediaType, body):
		return nil, errPage
	case !none && !empty:
		out := new(bytes.Buffer)
		out.Grow(len(body))
		_, err := c.op.Plan.Copy(out, bytes.NewReader(body), splice.Window{})
		return out.Bytes(), err
	case !none && c.op.GetKind() != catalogv1.Kind_KIND_DELETE:
		return []byte("null"), nil
	}
	// There is no body, as the catalog says, or although it says otherwise.
	id := c.bound.Params[route.ParamID]
	if id == "" {
		return []byte("{}"), nil
	}
	return json.Marshal(map[string]string{"id": id})
}

// whole takes a body of any kind as the data: as a string where it is text.
func whole(mediaType string, body []byte) ([]byte, error) {
	body, _ = splice.Text(body)
	switch {
	case len(body) == 0:
		return []byte("null"), nil
	case splice.Valid(body):
		return body, nil
	case isPage(mediaType, body):
		return nil, errPage
	case isJSON(mediaType):
		return nil, errNoJSON
	default:
		return json.Marshal(string(body))
	}
}

// isPage says whether a body is a page for people: no API answers one, but what
// stands in front of it may.
func isPage(mediaType string, body []byte) bool {
	switch parsed, _, err := mime.ParseMediaType(mediaType); {
	case err == nil && (parsed == "text/html" || parsed == "application/xhtml+xml"):
		return true
	case err == nil && strings.HasPrefix(parsed, "text/"), mediaType == "":
		return bytes.HasPrefix(bytes.TrimLeft(body, "\xef\xbb\xbf \t\r\n"), []byte{'<'})
	default:
		return false
	}
}

// isJSON says whether a media type is JSON.
func isJSON(mediaType string) bool {
	parsed, _, err := mime.ParseMediaType(mediaType)
	return err == nil && (parsed == mediaJSON || strings.HasSuffix(parsed, "+json"))
}

// replay answers a write with what was answered to it before.
func (c *call) replay(a *writes.Answer) (Reply, error) {
	c.header.Set(headerReplayed, "true")
	if a.Former {
		return c.formerReply(a)
	}
	r, err := c.reply(a)
	if err != nil {
		// It could be read when it was recorded.
		return Reply{}, rpcerr.New(rpcerr.Internal, "").WithCause(fmt.Errorf("relay: read a recorded answer: %w", err))
	}
	return r, nil
}

// formerReply answers a write with the record of the version before, which does
// not say in which form it kept the answer: only where that can be told.
func (c *call) formerReply(a *writes.Answer) (Reply, error) {
	unclear := rpcerr.New(access.CodeOutcomeUnknown, "the write was carried out, but an earlier version of sando recorded the answer in a form that cannot be told").
		WithFix("Read the record to see what the write came to. Do not repeat it.")
	if c.form() != formData {
		return Reply{}, unclear
	}
	r := Reply{Data: a.Body, MediaType: mediaJSON, Status: a.Status}
	switch shape := c.op.GetResponse().GetShape(); {
	case shape == catalog.ShapeNone:
		var err error
		r.Data, err = c.data("", nil)
		return r, err
	case !splice.Valid(a.Body):
		return Reply{}, unclear
	}
	// The provider's whole answer has a name that the data stands under.
	members, err := splice.Members(a.Body)
	isData := func(name string) bool { return slices.Contains(c.op.Plan.DataKeys, name) }
	if err == nil && slices.ContainsFunc(members, isData) || len(c.op.Plan.ObjectKeys) > 0 {
		return Reply{}, unclear
	}
	return r, nil
}
