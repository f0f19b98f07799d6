package relay

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/credential"
	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// mostRedirects is how many redirects a download follows.
const mostRedirects = 3

// A File is what is known of a file before its bytes come.
type File struct {
	MediaType string
	// Name is empty where nobody says it.
	Name string
	// Size is -1 where nobody says it.
	Size int64
}

// Download streams a file to the writer that open gives. Redirects are followed
// to the provider itself and to the hosts that the catalog declares, without
// the credential.
func (s *Service) Download(ctx context.Context, aim *Aim, open func(File) (io.Writer, error)) error {
	c, err := s.beginRead(ctx, aim)
	if err != nil {
		return err
	}
	if !c.op.GetBinary() {
		return rpcerr.Newf(rpcerr.ValidationFailed, "%s does not answer a file", c.op.GetId()).WithFix("Use Get or Invoke.")
	}
	err = s.download(ctx, c, open)
	s.note(ctx, c, err)
	return err
}

func (s *Service) download(ctx context.Context, c *call, open func(File) (io.Writer, error)) error {
	sh := c.shipment(c.bound.Query)
	sh.accept, sh.redirect = "*/*", true
	resp, err := s.send(ctx, c, sh)
	if err != nil {
		return err
	}
	at := c.bound.Target.URL(c.lease.Provider.Base, c.bound.Params, "")
	for range mostRedirects {
		if resp.Status/100 != 3 {
			break
		}
		location := resp.Header.Get("Location")
		_ = resp.Body.Close()
		if at, err = s.follow(c, at, location); err != nil {
			return err
		}
		if resp, err = s.fetch(ctx, c, at); err != nil {
			return err
		}
	}
	defer resp.Body.Close()
	if resp.Status/100 != 2 {
		e := rpcerr.New(access.CodeUpstreamError, "the provider's storage does not hand out the file").WithDetail("upstream_status", resp.Status)
		e.Origin = c.lease.Provider.GetName()
		if resp.Status == http.StatusNotFound {
			e.Code = access.CodeUpstreamNotFound
		}
		return e
	}
	dst, err := open(fileOf(c.lease, resp))
	if err != nil {
		return err
	}
	return s.pour(ctx, c, dst, resp.Body)
}

// follow checks where a redirect leads.
func (s *Service) follow(c *call, from *url.URL, location string) (*url.URL, error) {
	p := c.lease.Provider
	refused := rpcerr.New(access.CodeUpstreamBadResponse, "the provider redirects to a host that is not declared for downloads")
	refused.Origin = p.GetName()
	to, err := from.Parse(location)
	secrets := c.lease.Secrets()
	if err != nil || location == "" || to.User != nil {
		return nil, refused.WithCause(secrets.Error(err))
	}
	own := to.Scheme == p.Base.Scheme && to.Host == p.Base.Host
	declared := to.Scheme == "https" && (to.Port() == "" || to.Port() == "443") && p.MayDownloadFrom(to.Hostname())
	if !own && !declared {
		return nil, refused.WithDetail("host", secrets.Text(to.Host))
	}
	return to, nil
}

// fetch gets a file from storage, without the credential.
func (s *Service) fetch(ctx context.Context, c *call, at *url.URL) (*upstream.Response, error) {
	server := c.lease.Secrets().Text(at.Host)
	resp, err := s.observer.do(ctx, s.Upstream, c.op.GetId(), server, &upstream.Request{
		Method: http.MethodGet, URL: at, Header: http.Header{"Accept": {"*/*"}, "User-Agent": {"sando"}},
		Key: at.Scheme + "://" + server,
	})
	if err != nil {
		return nil, s.unanswered(ctx, c, err)
	}
	return resp, nil
}

func fileOf(lease *credential.Lease, resp *upstream.Response) File {
	f := File{MediaType: mediaTypeOf(lease, resp), Size: resp.ContentLength}
	if f.MediaType == "" {
		f.MediaType = unknownMedia
	}
	if _, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition")); err == nil {
		f.Name = lease.Secrets().Text(params["filename"])
	}
	return f
}

// unknownMedia is the media type of bytes of which nothing is known.
const unknownMedia = "application/octet-stream"

// mediaTypeOf is the media type of bytes that are handed on as they are.
func mediaTypeOf(lease *credential.Lease, resp *upstream.Response) string {
	switch text := resp.Header.Get("Content-Type"); {
	case text == "", text == mediaJSON, text == mediaJSON+"; charset=utf-8":
		return text // what nearly all answers are costs no look at the lease
	case lease.Secrets().Text(text) != text:
		return unknownMedia
	default:
		return text
	}
}
