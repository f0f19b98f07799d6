package rest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/relay"
)

// mostField bounds a field of a form other than the file.
const mostField = 64 << 10

func (s Surface) list(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	return s.read(ctx, w, r, aim(r, "list"))
}

// get serves /proxy/{resource}/{id}, where the name of a method wins over an id.
func (s Surface) get(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	return s.read(ctx, w, r, named(r))
}

func (s Surface) read(ctx context.Context, w http.ResponseWriter, r *http.Request, a *relay.Aim) error {
	e, err := open(w, r)
	if err != nil {
		return err
	}
	result, err := s.Relay.Read(ctx, a, e)
	if err != nil {
		return err
	}
	return e.close(result)
}

// lines serves a whole list, one row a line.
func (s Surface) lines(aimed func(*http.Request) *relay.Aim) handle {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
		a := aimed(r)
		var err error
		if a.Body, err = jsonBody(r); err != nil {
			return err
		}
		a.ContentType = r.Header.Get("Content-Type")
		w.Header().Set("Content-Type", mediaLines)
		sum, err := s.Relay.Stream(ctx, a, true, w, func(page relay.Result) error {
			if _, err := w.Write(pageLine(page)); err != nil {
				return err
			}
			return http.NewResponseController(w).Flush()
		})
		if err != nil {
			return err
		}
		_, err = w.Write(summaryLine(sum))
		return err
	}
}

// write serves the three methods that change records.
func (s Surface) write(method string) handle {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
		a := aim(r, method)
		var err error
		if a.Body, err = jsonBody(r); err != nil {
			return err
		}
		a.ContentType = r.Header.Get("Content-Type")
		result, err := s.Relay.Write(ctx, a)
		if err != nil {
			return err
		}
		return data(w, r, result)
	}
}

// invoke serves the methods of the catalog's own.
func (s Surface) invoke(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	a := method(r)
	var err error
	if a.Body, err = jsonBody(r); err != nil {
		return err
	}
	a.ContentType = r.Header.Get("Content-Type")
	e, err := open(w, r)
	if err != nil {
		return err
	}
	result, err := s.Relay.Do(ctx, a, e)
	if err != nil {
		return err
	}
	return e.close(result)
}

// custom serves /custom. The path is taken as it was escaped.
func (s Surface) custom(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	_, path, _ := strings.Cut(r.URL.EscapedPath(), customRoute)
	raw := &relay.Raw{HTTPMethod: r.Method, Path: path, Query: r.URL.RawQuery, ContentType: r.Header.Get("Content-Type")}
	if r.Body != nil {
		var err error
		if raw.Body, err = io.ReadAll(r.Body); err != nil {
			return err
		}
	}
	e, err := open(w, r)
	if err != nil {
		return err
	}
	if _, err := s.Relay.Custom(ctx, raw, e); err != nil {
		return err
	}
	return e.close(relay.Result{})
}

// download serves the bytes of a file as they are.
func (s Surface) download(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	err := s.Relay.Download(ctx, aim(r, r.PathValue("method")), func(f relay.File) (io.Writer, error) {
		h := w.Header()
		h.Set("Content-Type", f.MediaType)
		disposition := "attachment"
		if f.Name != "" {
			disposition = mime.FormatMediaType(disposition, map[string]string{"filename": f.Name})
		}
		// What customers upload must not run as a page of this host.
		h.Set("Content-Disposition", disposition)
		if f.Size >= 0 {
			h.Set("Content-Length", strconv.FormatInt(f.Size, 10))
		}
		return w, nil
	})
	if err != nil {
		// If the error can still be told, it is no attachment.
		w.Header().Del("Content-Disposition")
	}
	return err
}

// upload serves a form with one file.
func (s Surface) upload(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	result, err := s.Relay.Upload(ctx, aim(r, r.PathValue("method")), func() (*relay.Parcel, error) {
		form, err := r.MultipartReader()
		if err != nil {
			return nil, rpcerr.Invalid("body", "is not a form").WithCause(err)
		}
		p, err := unpack(form)
		if err != nil {
			return nil, err
		}
		// A form may end before its body does; a body that breaks off is no upload.
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, formFault(err)
		}
		return p, nil
	})
	if err != nil {
		return err
	}
	return data(w, r, result)
}

// unpack reads a form up to its file, which comes last or is held until the
// fields behind it are read.
func unpack(form *multipart.Reader) (*relay.Parcel, error) {
	p := &relay.Parcel{Fields: map[string]string{}}
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return p, nil
		case err != nil:
			return nil, formFault(err)
		case part.FileName() != "" && p.File != nil:
			return nil, rpcerr.Invalid(part.FormName(), "is a second file")
		case part.FileName() != "":
			if err := hold(p, part); err != nil {
				return nil, err
			}
		default:
			text, err := io.ReadAll(io.LimitReader(part, mostField+1))
			if err != nil {
				return nil, formFault(err)
			}
			if len(text) > mostField {
				return nil, rpcerr.Invalid(part.FormName(), "is too long")
			}
			if _, twice := p.Fields[part.FormName()]; twice {
				return nil, rpcerr.Invalid(part.FormName(), "is given twice")
			}
			p.Fields[part.FormName()] = string(text)
		}
	}
}

const (
	// mostFile is how much of a file is kept, in bytes: more than any upload takes, so that what is cut here is refused for its size further on.
	mostFile = 4 << 20
	// mostUpload is how much of an upload is read. A client that sends too much hears so only if it is let finish; one that sends more is cut.
	mostUpload = 16 << 20
)

// hold keeps a file while the rest of the form is read.
func hold(p *relay.Parcel, part *multipart.Part) error {
	file, err := io.ReadAll(io.LimitReader(part, mostFile))
	if err == nil {
		_, err = io.Copy(io.Discard, part)
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); err != nil && !tooLarge {
		return formFault(err)
	}
	p.Name, p.MediaType, p.File = part.FileName(), part.Header.Get("Content-Type"), bytes.NewReader(file)
	return nil
}

// formFault explains why a form cannot be read.
func formFault(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	if e, ok := errors.AsType[*rpcerr.Error](err); ok {
		return e
	}
	return rpcerr.Invalid("body", "the form broke off").WithCause(err)
}
