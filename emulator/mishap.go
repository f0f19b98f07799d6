package emulator

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sando-dev/sando/emulator/internal/world"
)

const htmlType = "text/html; charset=utf-8"

// instead is the answer of a fault that keeps the request from its handler; done is false for every other fault.
func (f *Fault) instead(rt *route, r *http.Request) (rep reply, done bool) {
	if f == nil {
		return reply{}, false
	}
	switch f.Kind {
	case FaultStatus:
		return f.statusReply(), true
	case FaultRateLimited:
		return f.retryAfter((&problem{status: http.StatusTooManyRequests, message: "Rate limit exceeded"}).reply()), true
	case FaultUnauthorized:
		return (&problem{status: http.StatusUnauthorized, message: "Invalid API key"}).reply(), true
	case FaultForbidden:
		return (&problem{status: http.StatusForbidden, message: "missing_required_scope"}).reply(), true
	case FaultRedirect:
		return reply{status: http.StatusFound, header: http.Header{"Location": {f.Location}}}, true
	case FaultWrongContent:
		return page(http.StatusOK, "Sign in"), true
	case FaultUnavailable:
		return f.retryAfter((&problem{status: http.StatusServiceUnavailable, message: "Service is temporarily unavailable"}).reply()), true
	case FaultEdgePage:
		return f.edgePage(r), true
	case FaultEcho:
		return f.echo(rt, r), true
	case FaultResetBefore, FaultGzipBomb:
		return reply{status: http.StatusOK, header: http.Header{}}, true
	}
	return reply{}, false
}

func (f *Fault) statusReply() reply {
	status := cmp.Or(f.Status, http.StatusInternalServerError)
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return f.retryAfter(page(status, http.StatusText(status)))
	}
	return f.retryAfter((&problem{status: status, message: "An internal server error occurred"}).reply())
}

// retryAfter adds the header where the fault names one.
func (f *Fault) retryAfter(rep reply) reply {
	if f.RetryAfter != "" {
		rep.header.Set("Retry-After", f.RetryAfter)
	}
	return rep
}

// page is what a balancer or a login wall shows.
func page(status int, title string) reply {
	body := fmt.Sprintf("<html><head><title>%s</title></head><body><h1>%s</h1></body></html>\n", title, title)
	return reply{status: status, header: http.Header{"Content-Type": {htmlType}}, body: []byte(body)}
}

// bend is how a paging fault changes a list.
func (f *Fault) bend() paging {
	if f == nil {
		return paging{}
	}
	switch f.Kind {
	case FaultRowInserted:
		return paging{shift: -cmp.Or(f.Rows, 1)}
	case FaultRowRemoved:
		return paging{shift: cmp.Or(f.Rows, 1)}
	case FaultDuplicateRows:
		return paging{duplicate: true}
	case FaultCursorLoop:
		return paging{loop: true}
	case FaultEmptyPage:
		return paging{empty: true}
	}
	return paging{}
}

// deliver sends a reply, spoilt by the fault if there is one.
func (f *Fault) deliver(rt *route, w http.ResponseWriter, r *http.Request, rep reply) {
	if f == nil {
		write(w, r, rep)
		return
	}
	switch f.Kind {
	case FaultSlow:
		if !wait(r.Context(), cmp.Or(f.Delay, time.Second)) {
			return
		}
	case FaultResetBefore, FaultResetAfter:
		reset(w)
		return
	case FaultGzipBomb:
		f.bomb(w)
		return
	case FaultTrickle:
		f.trickle(w, r, rep)
		return
	case FaultCut, FaultResetMidBody:
		f.cut(w, r, rep)
		return
	case FaultSplit, FaultDoubled, FaultSurplus, FaultBodyUnasked, FaultShortLength, FaultLongLength:
		f.frame(w, r, rep)
		return
	}
	write(w, r, f.spoil(rt, rep))
}

// spoil changes the bytes of a reply that is then sent in good order.
func (f *Fault) spoil(rt *route, rep reply) reply {
	rep = rep.fresh()
	rep.packed = nil
	switch f.Kind {
	case FaultBadJSON:
		rep.body = rep.body[:len(rep.body)/2]
	case FaultEmptyBody:
		rep.body = nil
	case FaultHugeHeaders:
		rep.header.Set("X-Padding", strings.Repeat("x", int(cmp.Or(f.Bytes, 1<<20))))
	case FaultDuplicateKeys:
		rep.body = repeatFirstKey(rep.body)
	case FaultBigNumbers:
		rep.body = raiseIDs(rep.body)
	case FaultBadUTF8:
		rep.body = spoilNames(rep.body, []byte{0xff})
	case FaultLoneSurrogate:
		rep.body = spoilNames(rep.body, []byte(`\ud800`))
	case FaultCursorValue:
		rep.body = replaceCursor(rep.body, cmp.Or(f.Text, "true"))
	case FaultRowInserted, FaultRowRemoved, FaultRowsMoved, FaultDuplicateRows, FaultEqualIDs:
		rep.body = f.rearrange(rt, rep.body)
	}
	return rep
}

// repeatFirstKey adds {"users":[…], …} a last member "users":null.
func repeatFirstKey(body []byte) []byte {
	key, _, found := bytes.Cut(body, []byte{':'})
	if !found || body[0] != '{' {
		return body
	}
	out := append([]byte{}, body[:len(body)-1]...)
	out = append(append(out, ','), key[1:]...)
	return append(out, ":null}"...)
}

// raiseIDs adds 2^53+1 to every id and idUser.
func raiseIDs(body []byte) []byte {
	return regexp.MustCompile(`"(id|idUser)":\d+`).ReplaceAllFunc(body, func(member []byte) []byte {
		name, digits, _ := bytes.Cut(member, []byte{':'})
		n, err := strconv.ParseInt(string(digits), 10, 64)
		if err != nil {
			return member
		}
		return strconv.AppendInt(append(append([]byte{}, name...), ':'), n+world.BigNumber, 10)
	})
}

// cut announces the whole body and ends the connection part-way.
func (f *Fault) cut(w http.ResponseWriter, r *http.Request, rep reply) {
	body := rep.encode(w.Header(), r)
	part := f.Bytes
	if part == 0 {
		part = int64(len(body) / 2)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(rep.status)
	w.Write(body[:min(part, int64(len(body)))]) //nolint:errcheck // the connection is about to be broken anyway
	http.NewResponseController(w).Flush()       //nolint:errcheck // likewise
	if f.Kind == FaultResetMidBody {
		reset(w)
		return
	}
	panic(http.ErrAbortHandler)
}

// trickle sends the body piece by piece.
func (f *Fault) trickle(w http.ResponseWriter, r *http.Request, rep reply) {
	body := rep.encode(w.Header(), r)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(rep.status)
	const pieces = 8
	for i := range pieces {
		if !wait(r.Context(), cmp.Or(f.Delay, 100*time.Millisecond)) {
			return
		}
		w.Write(body[len(body)*i/pieces : len(body)*(i+1)/pieces]) //nolint:errcheck // the context ends when the client goes
		http.NewResponseController(w).Flush()                      //nolint:errcheck // likewise
	}
}

// bomb sends a JSON array of blanks that unpacks to about Bytes. A gzip stream may consist of many members, so one
// packed mebibyte is sent again and again.
func (f *Fault) bomb(w http.ResponseWriter) {
	blanks := compress(bytes.Repeat([]byte{' '}, 1<<20))
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Encoding", "gzip")
	w.Write(compress([]byte(`{"users":[`))) //nolint:errcheck // the loop below notices a broken connection
	for sent := int64(0); sent < cmp.Or(f.Bytes, 1<<30); sent += 1 << 20 {
		if _, err := w.Write(blanks); err != nil {
			return
		}
	}
	w.Write(compress([]byte(`],"count":0,"total":0,"nextCursor":null}`))) //nolint:errcheck // the end
}

// reset breaks the connection with a TCP reset. Where there is no connection to reset, the answer is aborted.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	breakOff(conn)
}
