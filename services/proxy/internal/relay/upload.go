package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/textproto"
	"path"
	"slices"
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
func (s *Service) Upload(ctx context.Context, aim *Aim, unpack func() (*Parcel, error)) (Reply, error) {
	c, err := s.begin(ctx, aim)
	if err != nil {
		return Reply{}, err
	}
	declared := c.op.GetRequest().GetBody()
	if declared.GetUpload() == nil {
		return Reply{}, rpcerr.Newf(rpcerr.UnsupportedMediaType, "%s does not take a file", c.op.GetId())
	}
	parcel, err := unpack()
	if err != nil {
		return Reply{}, err
	}
	if err := checkParcel(declared, parcel); err != nil {
		return Reply{}, err
	}
	file, err := readFile(parcel.File, declared.GetUpload().GetMaxBytes())
	if err != nil {
		return Reply{}, err
	}
	id, former := c.parcelIdentity(parcel, file), c.formerParcelDigest(parcel, file)
	form, contentType, err := pack(declared.GetUpload().GetFileField(), parcel, file)
	if err != nil {
		return Reply{}, err
	}
	c.body, c.media = form, contentType
	return s.write(ctx, c, id, former)
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
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition(fileField, path.Base(p.Name))},
		headerContentType:     {fileType(p)},
	})
	if err == nil {
		_, err = part.Write(file)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, "", fmt.Errorf("relay: %w", err)
	}
	return form.Bytes(), w.FormDataContentType(), nil
}

// fileType is the media type that a file is sent with.
func fileType(p *Parcel) string {
	mediaType := p.MediaType
	if mediaType == "" {
		mediaType = mime.TypeByExtension(strings.ToLower(path.Ext(p.Name)))
	}
	if mediaType == "" || strings.ContainsAny(mediaType, "\r\n") {
		return "application/octet-stream"
	}
	return mediaType
}
