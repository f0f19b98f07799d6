package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/sando-dev/sando/emulator/internal/query"
	"github.com/sando-dev/sando/emulator/internal/wire"
)

// reply is a whole answer, held in memory so that a fault can bend it before it is sent.
type reply struct {
	status int
	header http.Header
	body   []byte
	packed func() []byte // the body in gzip, where it is kept
}

const jsonType = "application/json; charset=utf-8"

// send is a JSON answer with a status.
func send(status int, v any) (reply, error) {
	return reply{status: status, header: http.Header{"Content-Type": {jsonType}}, body: wire.Append(nil, v)}, nil
}

// answer is a 200 whose body is an object of alternating keys and values.
func answer(pairs ...any) (reply, error) { return send(http.StatusOK, wire.Obj(pairs...)) }

// noContent is a 204.
func noContent() (reply, error) {
	return reply{status: http.StatusNoContent, header: http.Header{}}, nil
}

// problem is a refusal. Its JSON is hapi's: {"statusCode", "error", "message"}.
type problem struct {
	status  int
	message string
	code    string // rule code such as NOT_ELIGIBLE_FOR_POLICY, printed when set
}

func (p *problem) Error() string { return p.message }

func (p *problem) reply() reply {
	body := wire.Obj("statusCode", p.status, "error", http.StatusText(p.status), "message", p.message)
	if p.code != "" {
		body = append(body, wire.Member{Key: "code", Value: p.code})
	}
	r, _ := send(p.status, body)
	return r
}

// invalid is a refused parameter or payload; Options decides between 400 and 422.
type invalid struct{ text string }

func (i *invalid) Error() string { return i.text }

func invalidf(format string, args ...any) error { return &invalid{text: fmt.Sprintf(format, args...)} }

func problemf(status int, format string, args ...any) error {
	return &problem{status: status, message: fmt.Sprintf(format, args...)}
}

func notFound(what string) error { return problemf(http.StatusNotFound, "%s not found", what) }

func forbidden(message string) error { return problemf(http.StatusForbidden, "%s", message) }

// failure turns a handler's error into its answer: in the form of RFC 7644 below /scim, in hapi's elsewhere.
func (e *Emulator) failure(r *http.Request, err error) reply {
	if strings.HasPrefix(r.URL.Path, BasePath+"/scim/") {
		return e.scimFailure(err)
	}
	var p *problem
	if errors.As(err, &p) {
		return p.reply()
	}
	status := http.StatusBadRequest
	if e.opts.UnprocessableStatus {
		status = http.StatusUnprocessableEntity
	}
	var q *query.Error
	var i *invalid
	if errors.As(err, &q) || errors.As(err, &i) {
		return (&problem{status: status, message: err.Error()}).reply()
	}
	return e.fault(err).reply()
}

// fault is what is said of an error of the emulator's own.
func (e *Emulator) fault(err error) *problem {
	e.opts.Logger.Error("handler failed", "error", err)
	return &problem{status: http.StatusInternalServerError, message: "An internal server error occurred"}
}

// scimFailure is failure below /scim.
func (e *Emulator) scimFailure(err error) reply {
	var scim *scimProblem
	var p *problem
	var i *invalid
	switch {
	case errors.As(err, &scim):
	case errors.As(err, &p):
		scim = &scimProblem{status: p.status, detail: p.message}
	case errors.As(err, &i):
		scim = &scimProblem{status: http.StatusBadRequest, scimType: "invalidValue", detail: i.text}
	default:
		own := e.fault(err)
		scim = &scimProblem{status: own.status, detail: own.message}
	}
	return scim.reply()
}
