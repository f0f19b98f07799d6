package relay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/textproto"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sando-dev/sando/access"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// A Parcel is a file to upload and what goes with it.
type Parcel struct {
	// Name is the file's, with its extension.
	Name string
	// MediaType is derived from the extension when empty.
	MediaType string
	// Fields are the other fields of the form.
	Fields map[string]string
	// File gives the bytes.
	File io.Reader
}

// Upload sends one file. Its size and its extension are checked before a byte
// goes out: FILE_REJECTED. Because the size is known only at the end, the file,
// of a few megabytes at most, is held until then.
func (s *Service) Upload(ctx context.Context, aim *Aim, unpack func() (*Parcel, error)) (json.RawMessage, error) {
	c, err := s.begin(ctx, aim)
	if err != nil {
		return nil, err
	}
	declared := c.op.GetRequest().GetBody()
	if declared.GetUpload() == nil {
		return nil, rpcerr.Newf(rpcerr.UnsupportedMediaType, "%s does not take a file", c.op.GetId())
	}
	parcel, err := unpack()
	if err != nil {
		return nil, err
	}
	if err := checkParcel(declared, parcel); err != nil {
		return nil, err
	}
	file, err := readFile(parcel.File, declared.GetUpload().GetMaxBytes())
	if err != nil {
		return nil, err
	}
	form, contentType, err := pack(declared.GetUpload().GetFileField(), parcel, file)
	if err != nil {
		return nil, err
	}
	c.body, c.media = form, contentType
	return s.write(ctx, c, c.parcelDigest(parcel, file), c.shipment(c.bound.Query))
}

// checkParcel holds a parcel against the rules of the catalog.
func checkParcel(declared *catalogv1.Body, p *Parcel) error {
	rules := declared.GetUpload()
	var missing []string
	known := map[string]bool{rules.GetFileField(): true}
	for _, f := range declared.GetFields() {
		known[f.GetName()] = true
		if f.GetName() != rules.GetFileField() && f.GetRequired() && p.Fields[f.GetName()] == "" {
			missing = append(missing, f.GetName())
		}
	}
	if p.File == nil {
		missing = append(missing, rules.GetFileField())
	}
	if len(missing) > 0 {
		e := rpcerr.Newf(rpcerr.ValidationFailed, "required: %s", strings.Join(missing, ", "))
		for _, name := range missing {
			e.Violations = append(e.Violations, rpcerr.Violation{Field: name, Description: "is required"})
		}
		return e
	}
	for name := range p.Fields {
		if !known[name] {
			return rpcerr.Invalid(name, "is not a field of this form")
		}
	}
	extension := strings.ToLower(path.Ext(p.Name))
	if !slices.Contains(rules.GetExtensions(), extension) {
		return rpcerr.Newf(access.CodeFileRejected, "files that end in %q are not accepted", extension).
			WithDetail("extensions", rules.GetExtensions())
	}
	return nil
}

// readFile reads a file of at most limit bytes.
func readFile(r io.Reader, limit int64) ([]byte, error) {
	file, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, bodyFault(err)
	case err != nil:
		return nil, rpcerr.Invalid("file", "the form broke off").WithCause(err)
	case int64(len(file)) > limit:
		return nil, rpcerr.Newf(access.CodeFileRejected, "the file has more than %d bytes", limit).WithDetail("limit_bytes", limit)
	case len(file) == 0:
		return nil, rpcerr.New(access.CodeFileRejected, "the file is empty")
	}
	return file, nil
}

// pack makes the form that is sent.
func pack(fileField string, p *Parcel, file []byte) ([]byte, string, error) {
	var form bytes.Buffer
	form.Grow(len(file) + 1<<10)
	w := multipart.NewWriter(&form)
	for _, name := range slices.Sorted(maps.Keys(p.Fields)) {
		if err := w.WriteField(name, p.Fields[name]); err != nil {
			return nil, "", fmt.Errorf("relay: %w", err)
		}
	}
	mediaType := p.MediaType
	if mediaType == "" {
		mediaType = mime.TypeByExtension(strings.ToLower(path.Ext(p.Name)))
	}
	if mediaType == "" || strings.ContainsAny(mediaType, "\r\n") {
		mediaType = "application/octet-stream"
	}
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition(fileField, path.Base(p.Name))},
		"Content-Type":        {mediaType},
	})
	if err == nil {
		_, err = part.Write(file)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, "", fmt.Errorf("relay: %w", err)
	}
	return form.Bytes(), w.FormDataContentType(), nil
}

// parcelDigest is the digest of an upload: the boundary between the parts of a
// form is another one each time.
func (c *call) parcelDigest(p *Parcel, file []byte) [32]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%q\x00", c.op.GetId(), p.Name)
	for _, name := range slices.Sorted(maps.Keys(p.Fields)) {
		h.Write([]byte(strconv.Quote(name) + "=" + strconv.Quote(p.Fields[name]) + "\x00"))
	}
	h.Write(file)
	return [32]byte(h.Sum(nil))
}
