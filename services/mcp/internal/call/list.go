package call

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
)

const (
	// maxCuts bounds how often a page is asked for again because it was too large.
	maxCuts = 4
	// noteRoom is kept free for the note of an answer that was cut, and for a longer cursor.
	noteRoom = 1_400
	// guessedRow is what a record takes, see twice, before any was seen.
	guessedRow = 2_000
)

// page is one page of a list.
type page struct {
	// body is the page in sando's envelope, rows the array in it, count how many there are.
	body, rows []byte
	count      int
	// whole says that the answer is no list after all.
	whole bool
}

// list returns a page that stays below the bound: no more records are asked for than fit by what is known of their size, and a page that turns out
// too large all the same is asked for again with a smaller limit. So its cursor always continues exactly after the last record shown.
func (l *lister) list(ctx context.Context, in Input, fetch func(ctx context.Context, limit int) (page, error)) ([]byte, error) {
	op := in.Tool.Operation
	asked := in.Arguments.Limit()
	limit, note, beside := asked, "", 0
	switch fit, known := l.sizes.fitting(op, in.MaxBytes); {
	case asked == 0:
		limit = fit
	case asked > fit && known:
		limit, note = fit, cutNote(fit, asked, in.MaxBytes)
	}
	for range maxCuts {
		got, err := fetch(ctx, limit)
		if err != nil {
			if limit > 1 && l.errs.From(err).Code == rpcerr.ResultTooLarge {
				limit, note = limit/8+1, cutNote(0, asked, in.MaxBytes)
				continue
			}
			return nil, err
		}
		l.sizes.saw(op, got)
		if got.count < limit {
			note = "" // the list ends here by itself
		}
		body, err := noted(got.body, note)
		if err != nil || sent(body) <= in.MaxBytes {
			return body, err
		}
		beside = sent(got.body) - twice(got.rows)
		if limit == 1 {
			if sent(got.body) <= in.MaxBytes {
				return got.body, nil // its limit has to say it
			}
			break
		}
		fit := max(1, rowsWithin(got.rows, in.MaxBytes-(sent(body)-twice(got.rows))-noteRoom))
		limit, note = min(fit, limit-1), cutNote(fit, max(asked, limit), in.MaxBytes)
	}
	if beside > in.MaxBytes-noteRoom {
		return nil, rpcerr.Newf(rpcerr.ResultTooLarge, "what stands beside the records takes %d bytes; this server allows %d", beside, in.MaxBytes).
			WithFix("Ask for fewer groups in aggs, or raise max_result_bytes of the MCP server.")
	}
	return nil, tooLarge(in, "one record alone takes more than the %d bytes that this server allows", in.MaxBytes)
}

// list reads a page of a catalog operation.
func (p *Proxy) list(ctx context.Context, in Input) ([]byte, error) {
	op := in.Tool.Operation
	fetch := func(ctx context.Context, limit int) (page, error) {
		ask := p.listed
		if op.GetKind() != catalogv1.Kind_KIND_LIST {
			ask = p.invoked
		}
		got, err := ask(ctx, in, int32(limit))
		got.body, got.rows = unicodeOnly(got.body), unicodeOnly(got.rows)
		return got, err
	}
	if op.GetResponse().GetShape() != catalog.ShapeAny {
		return p.lister.list(ctx, in, fetch)
	}
	// It may be a list or not, which is seen when it has come.
	got, err := fetch(ctx, in.Arguments.Limit())
	switch {
	case err != nil:
		return nil, err
	case got.whole:
		return fitWhole(in, envelope(got.rows), got.rows)
	case sent(got.body) <= in.MaxBytes:
		return got.body, nil
	default:
		return p.lister.list(ctx, in, fetch)
	}
}

// listed asks for a page of a resource; limit 0 for the default.
func (p *Proxy) listed(ctx context.Context, in Input, limit int32) (page, error) {
	_, resource, _ := catalog.SplitID(in.Tool.Operation.GetId())
	req := &proxyv1.ListRequest{
		Resource: resource, IntegratedAccountId: accountOf(ctx),
		NextCursor: optional(in.Arguments.Cursor()), Query: optional(in.Arguments.Query()),
	}
	if limit > 0 {
		req.Limit = &limit
	}
	res, err := p.proxy.List(ctx, req)
	if err != nil {
		return page{}, err
	}
	got := page{rows: res.GetResult().GetJson(), count: int(res.GetResultCount()), whole: res.GetLimit() == 0}
	got.body, err = access.JSON().Append(make([]byte, 0, len(got.rows)+256), res)
	return got, err
}

// invoked asks for a page of what a custom method answers; limit 0 for the default.
func (p *Proxy) invoked(ctx context.Context, in Input, limit int32) (page, error) {
	_, resource, method := catalog.SplitID(in.Tool.Operation.GetId())
	v := in.Arguments
	req := &proxyv1.InvokeRequest{
		Resource: resource, Method: method, Id: optional(v.ID()), IntegratedAccountId: accountOf(ctx),
		NextCursor: optional(v.Cursor()), Query: optional(v.Query()), Body: rawBody(v),
	}
	if limit > 0 {
		req.Limit = &limit
	}
	res, err := p.proxy.Invoke(ctx, req)
	if err != nil {
		return page{}, err
	}
	got := page{rows: res.GetResult().GetJson(), count: int(res.GetResultCount()), whole: res.Limit == nil}
	got.body, err = access.JSON().Append(make([]byte, 0, len(got.rows)+256), res)
	return got, err
}

func cutNote(rows, of, bound int) string {
	if rows == 0 {
		return fmt.Sprintf("This page is smaller than asked for, to stay below %d bytes. next_cursor continues exactly after it.", bound)
	}
	return fmt.Sprintf("This page has at most %d records instead of %d, to stay below %d bytes. next_cursor continues exactly after it; "+
		"fewer fields leave room for more records.", rows, of, bound)
}

// noted adds a note to an envelope, when there is something to say. The envelope itself stays as it is: without the note it may fit.
func noted(body []byte, note string) ([]byte, error) {
	if note == "" {
		return body, nil
	}
	body, err := jsontext.AppendQuote(append(trimBrace(body), `"note":`...), note)
	return append(body, '}'), err
}

// rowsWithin counts how many elements of an array fit into room bytes, each of them sent twice.
func rowsWithin(array []byte, room int) int {
	dec := jsontext.NewDecoder(bytes.NewReader(array))
	if _, err := dec.ReadToken(); err != nil {
		return 0
	}
	rows, end, taken := 0, int64(0), twice([]byte("]"))
	for dec.PeekKind() != ']' {
		if err := dec.SkipValue(); err != nil {
			return rows
		}
		taken += twice(array[end:dec.InputOffset()])
		if end = dec.InputOffset(); taken > room {
			return rows
		}
		rows++
	}
	return rows
}

// fitWhole holds an answer that is no page to its bound. Of an array, whole records are left out and the note says so; anything else is refused.
func fitWhole(in Input, body, data []byte) ([]byte, error) {
	takes := sent(body)
	if takes <= in.MaxBytes {
		return body, nil
	}
	rows := 0
	if jsontext.Value(data).Kind() == '[' {
		rows = rowsWithin(data, in.MaxBytes-takes+twice(data)-noteRoom)
	}
	if rows == 0 {
		return nil, exceeds(in, takes)
	}
	head, total := headOf(data, rows)
	note := fmt.Sprintf("These are the first %d of %d records, to stay below %d bytes. There are no further pages: narrow the query.", rows, total, in.MaxBytes)
	return noted(envelope(head), note)
}

// headOf is the first rows of an array, and how many it has in all.
func headOf(array []byte, rows int) (head []byte, total int) {
	dec := jsontext.NewDecoder(bytes.NewReader(array))
	if _, err := dec.ReadToken(); err != nil {
		return array, 0
	}
	end := int64(0)
	for dec.PeekKind() != ']' {
		if err := dec.SkipValue(); err != nil {
			break
		}
		if total++; total == rows {
			end = dec.InputOffset()
		}
	}
	return append(bytes.Clone(array[:end]), ']'), total
}

// lister keeps pages within their bound.
type lister struct {
	errs  *rpcerr.Table
	sizes sizes
}

// sizes remembers how large the records of an operation are, so that a page asked for without a limit fits at once.
type sizes struct {
	rows sync.Map // operation id to *atomic.Int64, mean bytes that a record takes
}

func (s *sizes) of(op *catalogv1.Operation) *atomic.Int64 {
	if mean, ok := s.rows.Load(op.GetId()); ok {
		return mean.(*atomic.Int64)
	}
	mean := new(atomic.Int64)
	mean.Store(guessedRow)
	got, _ := s.rows.LoadOrStore(op.GetId(), mean)
	return got.(*atomic.Int64)
}

// saw takes a page into account. Pages that race each other may be lost; it is an estimate.
func (s *sizes) saw(op *catalogv1.Operation, p page) {
	if p.count == 0 {
		return
	}
	mean, seen := s.of(op), int64(twice(p.rows)/p.count)+1
	if before := mean.Load(); before != guessedRow {
		seen = (3*before + seen) / 4
	}
	mean.Store(seen)
}

// fitting is the page size to ask for when the caller does not say: what fits with a tenth to spare, no more than the provider's own default. Known
// says that it is not a guess.
func (s *sizes) fitting(op *catalogv1.Operation, bound int) (rows int, known bool) {
	most := int(op.GetPaging().GetDefaultSize())
	if most == 0 {
		most = catalog.LocalPageSize
	}
	if limit := int(op.GetPaging().GetMaxSize()); limit > 0 {
		most = min(most, limit)
	}
	mean := s.of(op).Load()
	fit := int64(bound*9/10) / max(1, mean)
	return int(max(1, min(int64(most), fit))), mean != guessedRow
}
