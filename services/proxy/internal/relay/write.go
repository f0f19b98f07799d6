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
	"net/http"
	"slices"
	"time"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/budget"
	"github.com/sando-dev/sando/services/proxy/internal/route"
	"github.com/sando-dev/sando/services/proxy/internal/splice"
	"github.com/sando-dev/sando/services/proxy/internal/upstream"
	"github.com/sando-dev/sando/services/proxy/internal/writes"
)

// settleTimeout bounds the putting on record of what has happened, which goes
// on when the caller has gone.
const settleTimeout = 10 * time.Second

// headerReplayed marks the stored answer of an earlier write.
const headerReplayed = "Sando-Idempotent-Replay"

// Write carries a call that changes something and returns its data, a JSON
// value. Before anything is sent, the intent is in the audit log and the write
// in the ledger; it is never sent twice.
func (s *Service) Write(ctx context.Context, aim *Aim) (json.RawMessage, error) {
	c, err := s.begin(ctx, aim)
	if err != nil {
		return nil, err
	}
	return s.write(ctx, c, c.digest(), c.shipment(c.bound.Query))
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
	data, err := s.write(ctx, c, c.digest(), c.shipment(c.bound.Query))
	if err != nil {
		return Result{}, err
	}
	if _, err := dst.Write(data); err != nil {
		return Result{}, written(ctx, err)
	}
	return Result{}, nil
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

func (s *Service) write(ctx context.Context, c *call, digest [32]byte, sh *shipment) (json.RawMessage, error) {
	record := writes.Record{
		Environment: c.caller.Grant.EnvironmentID, Account: c.lease.Account, Operation: c.op.GetId(),
		Key: c.key, BodyDigest: digest,
	}
	if record.Key == "" {
		record.Key, record.Generated = newID(), true
	}
	ticket, answer, err := s.Ledger.Begin(ctx, record)
	switch {
	case err != nil:
		return nil, ledgerFault(err)
	case answer != nil:
		c.header.Set(headerReplayed, "true")
		return answer.Body, nil
	}
	d := &delivery{s: s, c: c, sh: sh, ticket: ticket, action: c.op.GetId(), digest: digest}
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

// run takes budget, puts the intent on record, sends, and settles.
func (d *delivery) run(ctx context.Context) (json.RawMessage, error) {
	permit, err := d.s.acquire(ctx, d.c, d.sh.target)
	if err == nil {
		err = d.announce(ctx)
	}
	if err != nil {
		return nil, d.abandon(ctx, err)
	}
	// From here on only the deadline ends the write: a caller who hangs up must
	// not turn a write that succeeds into one whose outcome nobody knows.
	sending, cancel := detached(ctx)
	defer cancel()
	if err := d.ticket.Sending(sending); err != nil {
		return nil, d.abandon(ctx, ledgerFault(err))
	}
	return d.deliver(sending, permit)
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

// deliver sends the write and settles it by what came of it.
func (d *delivery) deliver(ctx context.Context, permit budget.Permit) (json.RawMessage, error) {
	resp, err := d.s.attempt(ctx, d.c, d.sh, permit)
	if err != nil {
		if up, ok := errors.AsType[*upstream.Error](err); ok && up.Sent {
			return nil, d.unknown(ctx, err)
		}
		return nil, d.abandon(ctx, d.s.unanswered(ctx, d.c, err))
	}
	switch resp.Status / 100 {
	case 2:
		data, err := d.data(resp)
		if err != nil {
			// The provider has taken the write, but not said what became of it.
			return nil, d.unknown(ctx, err)
		}
		return data, d.finish(ctx, data)
	case 4:
		return nil, d.abandon(ctx, d.s.refusal(ctx, d.c, resp))
	default:
		return nil, d.unknown(ctx, d.s.refusal(ctx, d.c, resp))
	}
}

// data takes the data out of the answer to a write.
func (d *delivery) data(resp *upstream.Response) (json.RawMessage, error) {
	defer resp.Body.Close()
	op := d.c.op
	if d.c.raw || op.Raw {
		return d.whole(resp)
	}
	shape := op.GetResponse().GetShape()
	out := &bounded{most: d.s.Limits.Answer}
	body := &counted{r: resp.Body}
	if shape != catalog.ShapeNone {
		_, err := op.Plan.Copy(out, body, splice.Window{})
		if err == nil {
			return out.Bytes(), nil
		}
		if body.n > 0 || !errors.Is(err, splice.ErrTruncated) {
			return nil, err
		}
	}
	// There is no body, as the catalog says, or although it says otherwise.
	switch id := d.c.bound.Params[route.ParamID]; {
	case shape != catalog.ShapeNone && op.GetKind() != catalogv1.Kind_KIND_DELETE:
		return json.RawMessage("null"), nil
	case id == "":
		return json.RawMessage("{}"), nil
	default:
		return json.Marshal(map[string]string{"id": id})
	}
}

// whole takes the body of the answer to a raw call as the data: as a string
// where it is no JSON and the caller wants some.
func (d *delivery) whole(resp *upstream.Response) (json.RawMessage, error) {
	out := &bounded{most: d.s.Limits.Answer}
	if _, err := io.Copy(out, resp.Body); err != nil {
		return nil, err
	}
	switch {
	case d.c.raw || splice.Valid(out.Bytes()):
		return out.Bytes(), nil
	case len(out.Bytes()) == 0:
		return json.RawMessage("null"), nil
	default:
		return json.Marshal(string(out.Bytes()))
	}
}

// finish settles a write that succeeded. It did so whatever fails here.
func (d *delivery) finish(ctx context.Context, data json.RawMessage) error {
	ctx, cancel := d.settling(ctx)
	defer cancel()
	if err := d.ticket.Finish(ctx, writes.Answer{Status: http.StatusOK, Body: data}); err != nil {
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

// digest is the SHA-256 of whatever makes two writes the same one.
func (c *call) digest() [32]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%s %d\x00", c.op.GetId(), len(c.bound.Params))
	for _, name := range slices.Sorted(maps.Keys(c.bound.Params)) {
		fmt.Fprintf(h, "%q=%q\x00", name, c.bound.Params[name])
	}
	fmt.Fprintf(h, "%q\x00", c.bound.Query.String())
	h.Write(c.body)
	return [32]byte(h.Sum(nil))
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

// counted counts what is read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}
