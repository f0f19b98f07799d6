package relay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/budget"
	"github.com/sando-dev/sando/services/proxy/internal/upstream"
	"github.com/sando-dev/sando/services/proxy/internal/writes"
)

// settleTimeout bounds the putting on record of what has happened, which goes
// on when the caller has gone.
const settleTimeout = 10 * time.Second

// headerReplayed marks the stored answer of an earlier write.
const headerReplayed = "Sando-Idempotent-Replay"

// Write carries a call that changes something. Before anything is sent, the
// intent is in the audit log and the write in the ledger; it is never sent twice.
func (s *Service) Write(ctx context.Context, aim *Aim) (Reply, error) {
	c, err := s.begin(ctx, aim)
	if err != nil {
		return Reply{}, err
	}
	return s.write(ctx, c, c.identity(), c.formerDigest())
}

// Do carries a call that may be of either kind.
func (s *Service) Do(ctx context.Context, aim *Aim, dst io.Writer) (Result, error) {
	c, err := s.begin(ctx, aim)
	if err != nil {
		return Result{}, err
	}
	if c.op.GetRequest().GetBody().GetUpload() != nil {
		return Result{}, rpcerr.New(rpcerr.UnsupportedMediaType, "").WithFix("Send the file as multipart/form-data, or by the procedure Upload.")
	}
	if !c.op.Writes {
		result, err := s.read(ctx, c, dst)
		s.note(ctx, c, err)
		return result, err
	}
	_, err = s.writeTo(ctx, c, dst)
	return Result{}, err
}

// writeTo carries a write and hands its answer on to dst.
func (s *Service) writeTo(ctx context.Context, c *call, dst io.Writer) (Reply, error) {
	r, err := s.write(ctx, c, c.identity(), c.formerDigest())
	if err != nil {
		return Reply{}, err
	}
	if typed, ok := dst.(Typed); ok && c.raw {
		typed.ContentType(r.MediaType)
	}
	if _, err := dst.Write(r.Data); err != nil {
		return Reply{}, written(ctx, err)
	}
	return r, nil
}

// A delivery is a write under way.
type delivery struct {
	s      *Service
	c      *call
	sh     *shipment
	ticket *writes.Ticket
	intent string // id of the audit entry
	action string // what the audit log calls it
	digest [32]byte
}

func (s *Service) write(ctx context.Context, c *call, id writes.Identity, former [32]byte) (Reply, error) {
	record := writes.Record{Identity: id, Key: c.key, Former: former}
	if record.Key == "" {
		record.Key, record.Generated = newID(), true
	}
	ticket, answer, err := s.Ledger.Begin(ctx, record)
	switch {
	case err != nil:
		return Reply{}, ledgerFault(err)
	case answer != nil:
		return c.replay(answer)
	}
	d := &delivery{
		s: s, c: c, sh: c.shipment(c.bound.Query), ticket: ticket, action: c.op.GetId(), digest: id.Digest(),
	}
	return d.run(ctx)
}

// ledgerFault explains why a write may not be sent.
func ledgerFault(err error) error {
	switch {
	case errors.Is(err, writes.ErrReused):
		return rpcerr.New(access.CodeIdempotencyKeyReused, "").WithCause(err)
	case errors.Is(err, writes.ErrUnknown):
		return rpcerr.New(access.CodeOutcomeUnknown, "").WithCause(err)
	case errors.Is(err, writes.ErrStore), errors.Is(err, writes.ErrLost):
		return rpcerr.New(rpcerr.Unavailable, "writes cannot be recorded at the moment").WithCause(err)
	default:
		return err
	}
}

// run takes budget, records the intent, sends, and settles.
func (d *delivery) run(ctx context.Context) (Reply, error) {
	permit, err := d.s.acquire(ctx, d.c, d.sh.target)
	if err == nil {
		err = d.announce(ctx)
	}
	if err != nil {
		return Reply{}, d.abandon(ctx, err)
	}
	// From here on only the deadline ends the write: a caller who hangs up must
	// not turn a write that succeeds into one whose outcome nobody knows.
	sending, cancel := detached(ctx)
	defer cancel()
	if err := d.ticket.Sending(sending); err != nil {
		return Reply{}, d.abandon(ctx, ledgerFault(err))
	}
	resp, err := d.send(ctx, sending, permit)
	if err != nil {
		return Reply{}, err
	}
	return d.settle(sending, resp)
}

// detached gives a context that ends by the deadline of ctx only.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(context.WithoutCancel(ctx), deadline)
	}
	return context.WithCancel(context.WithoutCancel(ctx))
}

// announce puts the intent on record.
func (d *delivery) announce(ctx context.Context) error {
	e := d.s.entry(ctx, d.c, d.action, phaseIntent)
	e.ArgumentsDigest = hexOf(d.digest)
	d.intent = e.GetId()
	return d.s.Audit.Record(ctx, e)
}

// send carries the write to the provider, again only where it provably did
// nothing: found over a rate limit, or refused for a credential that has been
// replaced. Those waits end with the caller's own context. An error is settled.
func (d *delivery) send(waiting, sending context.Context, permit budget.Permit) (*upstream.Response, error) {
	again := d.s.again(d.c)
	for {
		resp, err := d.s.attempt(sending, d.c, d.sh, permit)
		if err != nil {
			if up, ok := errors.AsType[*upstream.Error](err); ok && up.Sent {
				return nil, d.unknown(sending, err)
			}
			return nil, d.abandon(sending, d.s.unanswered(sending, d.c, err))
		}
		if ok, err := again.after(waiting, resp); err != nil {
			return nil, d.abandon(sending, err)
		} else if !ok {
			return resp, nil
		}
		if permit, err = d.s.leave(waiting, d.c, d.sh); err != nil {
			return nil, d.abandon(sending, err)
		}
	}
}

// settle settles the write by the provider's answer.
func (d *delivery) settle(ctx context.Context, resp *upstream.Response) (Reply, error) {
	switch resp.Status / 100 {
	case 2:
		answer, err := d.s.keep(ctx, d.c, resp)
		if err != nil {
			// The provider has taken the write, but not said what became of it.
			return Reply{}, d.unknown(ctx, err)
		}
		reply, err := d.c.reply(answer)
		if err != nil {
			return Reply{}, d.unknown(ctx, err)
		}
		return reply, d.finish(ctx, *answer)
	case 4:
		return Reply{}, d.abandon(ctx, d.s.refusal(ctx, d.c, resp))
	default:
		return Reply{}, d.unknown(ctx, d.s.refusal(ctx, d.c, resp))
	}
}

// finish settles a write that succeeded. It did so whatever fails here.
func (d *delivery) finish(ctx context.Context, answer writes.Answer) error {
	ctx, cancel := d.settling(ctx)
	defer cancel()
	if err := d.ticket.Finish(ctx, answer); err != nil {
		d.s.Log.ErrorContext(ctx, "the answer of a write is not on record", "operation", d.action, "error", err)
	}
	d.record(ctx, nil)
	return nil
}

// abandon settles a write that provably did not happen.
func (d *delivery) abandon(ctx context.Context, cause error) error {
	ctx, cancel := d.settling(ctx)
	defer cancel()
	if err := d.ticket.Abandon(ctx); err != nil {
		d.s.Log.ErrorContext(ctx, "an abandoned write is still on record", "operation", d.action, "error", err)
	}
	if d.intent != "" {
		d.record(ctx, cause)
	}
	return cause
}

// unknown settles a write that may have happened.
func (d *delivery) unknown(ctx context.Context, cause error) error {
	ctx, cancel := d.settling(ctx)
	defer cancel()
	if err := d.ticket.Unknown(ctx); err != nil {
		d.s.Log.ErrorContext(ctx, "an unknown outcome is not on record", "operation", d.action, "error", err)
	}
	e := rpcerr.New(access.CodeOutcomeUnknown, "").WithCause(d.c.lease.Secrets().Error(cause))
	e.Origin = d.c.lease.Provider.GetName()
	if refused, ok := errors.AsType[*rpcerr.Error](cause); ok {
		e.Raw, e.Details = refused.Raw, refused.Details
	}
	d.record(ctx, e)
	return e
}

func (d *delivery) settling(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
}

// record puts the outcome on record. If that is not possible now, it is tried
// again later: the write has happened or not, and its caller must be told.
func (d *delivery) record(ctx context.Context, cause error) {
	e := d.s.outcome(ctx, d.c, d.action, cause)
	e.ArgumentsDigest, e.IntentId = hexOf(d.digest), &d.intent
	if err := d.s.Audit.Record(ctx, e); err != nil {
		d.s.Audit.Later(e)
	}
}

// errTooLong means that the answer to a write is larger than is kept.
var errTooLong = errors.New("relay: the answer is larger than is kept")

// bounded is a buffer with a limit.
type bounded struct {
	buf  bytes.Buffer
	most int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if int64(b.buf.Len()+len(p)) > b.most {
		return 0, errTooLong
	}
	return b.buf.Write(p)
}

func (b *bounded) Bytes() []byte { return b.buf.Bytes() }

func (b *bounded) WriteString(p string) (int, error) { return b.Write([]byte(p)) }
