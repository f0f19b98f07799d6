package relay

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/route"
)

// A Raw is a call of a path that the catalog need not know.
type Raw struct {
	Account string
	// HTTPMethod is GET when empty. All others count as writes.
	HTTPMethod string
	// Path is escaped, below the provider's base URL, without a slash in front.
	Path string
	// Query is passed on as given, without integrated_account_id.
	Query       string
	Body        []byte
	ContentType string
}

// Custom carries a raw call: it writes the whole body of the answer to dst and
// returns the provider's status.
func (s *Service) Custom(ctx context.Context, raw *Raw, dst io.Writer) (int, error) {
	c, err := s.beginRaw(ctx, raw)
	if err != nil {
		return 0, err
	}
	if c.op.Writes {
		reply, err := s.writeTo(ctx, c, dst)
		return reply.Status, err
	}
	err = s.readCustom(ctx, c, dst)
	s.note(ctx, c, err)
	return c.upstreamStatus, err
}

func (s *Service) beginRaw(ctx context.Context, raw *Raw) (*call, error) {
	c, q, err := s.admit(ctx, raw.Account, raw.Query)
	if err != nil {
		return nil, err
	}
	method := raw.HTTPMethod
	if method == "" {
		method = http.MethodGet
	}
	c.op, err = c.lease.Provider.Raw(method, raw.Path)
	if errors.Is(err, route.ErrEscape) {
		return nil, rpcerr.New(access.CodePathNotAllowed, "").WithCause(err)
	} else if err != nil {
		return nil, err
	}
	interceptor.Note(ctx, slog.String("account", c.lease.Account), slog.String("operation", c.op.GetId()), slog.Bool("custom", true))
	if err := s.allow(ctx, c, c.op.GetId(), c.op.Writes); err != nil {
		return nil, err
	}
	if method == http.MethodGet && len(raw.Body) > 0 {
		return nil, rpcerr.Invalid("body", "a GET has none")
	}
	c.verb, c.body, c.media = method, raw.Body, raw.ContentType
	c.bound = route.Binding{Query: q, Target: &c.op.Target}
	return c, nil
}

func (s *Service) readCustom(ctx context.Context, c *call, dst io.Writer) error {
	if c.raw {
		return s.readRaw(ctx, c, dst)
	}
	return s.readSingle(ctx, c, dst)
}
