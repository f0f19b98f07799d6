package endpoint

import (
	"context"
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/services/mcp/internal/call"
)

// Before 2026-07-28 a server asks the user on the stream that answers the call, and the client sends what the user says in a request of its own,
// which may reach any replica. The id of the question is sealed and names the call, so that whoever is told can check it and hand the answer over:
// at once when the call waits here, by way of auth to every replica when it does not. See ADR 9.

const (
	// purposeQuestion is what ids of questions are sealed for, purposeAnswer what answers on their way to another replica are.
	purposeQuestion, purposeAnswer = "mcp.question", "mcp.answer"
	// aliveEvery is how often a stream that waits shows that it lives.
	aliveEvery = 15 * time.Second
	// lateness is how long after its call has stopped to wait an answer is still handed on: the clocks of replicas differ.
	lateness = 5 * time.Second
	// methodElicit asks the user.
	methodElicit = "elicitation/create"
)

// A verdict is what became of a question.
type verdict string

const (
	accepted verdict = "accepted"
	declined verdict = "declined"
	// unasked is the client's word that it could not ask.
	unasked verdict = "unasked"
)

// waiting are the calls of this replica whose user has been asked, by a random name.
type waiting struct {
	mu    sync.Mutex
	calls map[string]chan verdict
}

// add makes a call wait; done ends it.
func (w *waiting) add() (name string, heard <-chan verdict, done func()) {
	name = rand.Text()
	c := make(chan verdict, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[name] = c
	return name, c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.calls, name)
	}
}

// tell hands over what the user says; false when the call does not wait here. Only the first answer counts.
func (w *waiting) tell(name string, said verdict) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.calls[name]
	if ok {
		delete(w.calls, name)
		c <- said
	}
	return ok
}

// askedCall carries out a call that may have to ask the user first, on the stream of its answer. Without a question the answer is plain JSON.
func (e *Endpoint) askedCall(ctx context.Context, w http.ResponseWriter, v *visit, q *request) {
	c := e.callFor(v, q)
	c.Asks = true
	out := e.o.Pipeline.Do(ctx, c)
	if out.Question == nil {
		e.reply(w, q, out)
		return
	}
	s := startStream(w)
	c.Asks = false
	switch e.ask(ctx, s, out.Question) {
	case accepted:
		c.Answers = &call.Answers{State: out.Question.State, Accepted: true}
	case declined:
		c.Answers = &call.Answers{State: out.Question.State}
	case unasked: // the call is answered with a token to repeat it with
	}
	if ctx.Err() != nil {
		return // the client has gone
	}
	_, answer := e.outcome(nil, q, e.o.Pipeline.Do(ctx, c))
	s.send(answer)
}

// ask puts a question on a stream and waits for what becomes of it.
func (e *Endpoint) ask(ctx context.Context, s *stream, q *call.Question) verdict {
	name, heard, done := e.waiting.add()
	defer done()
	until := strconv.FormatInt(time.Now().Add(e.o.AskTimeout+lateness).UnixMilli(), 10)
	id, err := e.o.Ring.Seal(purposeQuestion, []byte(name+"\n"+until), principal(ctx))
	if err != nil {
		return unasked
	}
	s.send(question(id, q.Message))
	late := time.NewTimer(e.o.AskTimeout)
	defer late.Stop()
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	for {
		select {
		case said := <-heard:
			return said
		case <-alive.C:
			s.comment()
		case <-late.C:
			return unasked
		case <-edge.Draining(ctx):
			return unasked
		case <-ctx.Done():
			return unasked
		}
	}
}

// principal is whom a question is for.
func principal(ctx context.Context) []byte {
	caller, ok := access.FromContext(ctx)
	if !ok {
		return nil
	}
	return []byte(caller.Grant.EnvironmentID + "\n" + caller.Grant.TokenID)
}

// question is the request that asks the user: a form without fields, to agree to or not.
func question(id, message string) []byte {
	b := append([]byte(nil), `{"jsonrpc":"2.0","id":`...)
	b = appendText(b, []byte(id))
	b = append(b, `,"method":"`+methodElicit+`","params":{"message":`...)
	b = appendText(b, []byte(message))
	return append(b, `,"requestedSchema":{"type":"object","properties":{}}}}`...)
}

// heard takes a message that answers a question of ours, and hands the answer to the call that waits; false leaves the message to the SDK.
func (e *Endpoint) heard(ctx context.Context, w http.ResponseWriter, m envelope) bool {
	if m.Method != nil || m.ID.Kind() != '"' {
		return false
	}
	plain, err := e.o.Ring.Open(purposeQuestion, text(m.ID), principal(ctx))
	if err != nil {
		return false
	}
	name, until, _ := strings.Cut(string(plain), "\n")
	if ends, err := strconv.ParseInt(until, 10, 64); err != nil || time.Now().UnixMilli() > ends {
		w.WriteHeader(http.StatusAccepted) // nobody waits any more
		return true
	}
	if err := e.handOver(ctx, name, verdictOf(m)); err != nil {
		f := &fault{
			status: http.StatusServiceUnavailable, code: jsonrpc.CodeInternalError,
			message: "the answer could not be handed on to the call that waits for it",
		}
		f.write(w, m.ID)
		return true
	}
	w.WriteHeader(http.StatusAccepted)
	return true
}

func verdictOf(m envelope) verdict {
	var result struct {
		Action string `json:"action"`
	}
	if m.Result == nil || json.Unmarshal(m.Result, &result) != nil {
		return unasked
	}
	if result.Action == "accept" {
		return accepted
	}
	return declined
}

// handOver gives an answer to the call that waits, at this replica or at another.
func (e *Endpoint) handOver(ctx context.Context, name string, said verdict) error {
	if e.waiting.tell(name, said) {
		return nil
	}
	sealed, err := e.o.Ring.Seal(purposeAnswer, []byte(name+"\n"+string(said)), nil)
	if err != nil {
		return err
	}
	return e.o.Relay(ctx, sealed)
}

// Answered takes answers that reached any replica; those to calls that wait elsewhere are passed over.
func (e *Endpoint) Answered(answers []string) {
	for _, sealed := range answers {
		plain, err := e.o.Ring.Open(purposeAnswer, sealed, nil)
		if err != nil {
			continue
		}
		name, said, _ := strings.Cut(string(plain), "\n")
		e.waiting.tell(name, verdict(said))
	}
}

// A stream is an answer in server-sent events. The client may be gone; there is nobody left to tell.
type stream struct{ w http.ResponseWriter }

func startStream(w http.ResponseWriter) *stream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-transform")
	w.WriteHeader(http.StatusOK)
	return &stream{w}
}

// send sends a message, which has no line ends.
func (s *stream) send(message []byte) {
	b := make([]byte, 0, len(message)+len("event: message\ndata: \n\n"))
	b = append(b, "event: message\ndata: "...)
	b = append(b, message...)
	s.write(append(b, "\n\n"...))
}

// comment sends what clients pass over.
func (s *stream) comment() { s.write([]byte(": waiting for the user\n\n")) }

func (s *stream) write(b []byte) {
	_, _ = s.w.Write(b)
	_ = http.NewResponseController(s.w).Flush()
}
