package call

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

const (
	// purpose of what the gate seals.
	purposeConfirm = "mcp.confirm"
	// consentLife is how long a question may stay open.
	consentLife = 10 * time.Minute
)

// A Question asks the user whether a destructive call shall be carried out.
type Question struct {
	// Message is the question.
	Message string
	// State must come back with the answer; it is sealed.
	State string
}

// Answers are what a client says to a question.
type Answers struct {
	// State is the state of the question.
	State string
	// Accepted says that the user agreed.
	Accepted bool
}

// A Gate lets destructive calls pass once the user has agreed. It keeps nothing: what it asked for is in the sealed state, bound to the
// principal, the tool and the arguments. The id in it is the idempotency key of the write, so that one consent is one write.
type Gate struct {
	ring *sealed.Ring
	now  func() time.Time
}

// NewGate makes a gate that seals with a ring shared by all replicas.
func NewGate(ring *sealed.Ring, now func() time.Time) *Gate { return &Gate{ring: ring, now: now} }

// consent is what the gate seals.
type consent struct {
	Key       string    `json:"key"`
	ExpiresAt time.Time `json:"exp"`
}

// pass gives the idempotency key of a call that was agreed to, or a question to ask first. A client that cannot ask gets the error
// CONFIRMATION_REQUIRED with a token to repeat the call with.
func (g *Gate) pass(ctx context.Context, w *work) (*Question, string, error) {
	caller, ok := access.FromContext(ctx)
	if !ok {
		return nil, "", rpcerr.New(rpcerr.Unauthenticated, "")
	}
	bound := w.binding(caller)
	switch token := w.arguments.Text(tool.ArgumentConfirm); {
	case w.Answers != nil && !w.Answers.Accepted:
		return nil, "", rpcerr.New(access.CodeConfirmationRequired, "the user did not agree; nothing was done").
			WithFix("Do not repeat the call unless the user asks for it.")
	case w.Answers != nil:
		key, err := g.open(w.Answers.State, bound)
		// A state that was altered is a fault of the protocol.
		w.refused = err != nil
		return nil, key, err
	case token != "":
		key, err := g.open(token, bound)
		return nil, key, err
	}
	state, err := g.seal(bound)
	if err != nil {
		return nil, "", err
	}
	message := fmt.Sprintf("%s: %s", w.tool.Operation.GetTitle(), summary(w))
	if w.Asks {
		return &Question{Message: message, State: state}, "", nil
	}
	return nil, "", rpcerr.New(access.CodeConfirmationRequired, message).WithDetail(tool.ArgumentConfirm, state)
}

func (g *Gate) seal(bound []byte) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(consent{Key: id.String(), ExpiresAt: g.now().Add(consentLife)})
	if err != nil {
		return "", err
	}
	return g.ring.Seal(purposeConfirm, plain, bound)
}

func (g *Gate) open(state string, bound []byte) (string, error) {
	plain, err := g.ring.Open(purposeConfirm, state, bound)
	if err != nil {
		return "", rpcerr.New(access.CodeConfirmationRequired, "the confirmation does not belong to this call").
			WithFix("Call again without " + tool.ArgumentConfirm + " and with the arguments meant.").WithCause(err)
	}
	var c consent
	if err := json.Unmarshal(plain, &c); err != nil {
		return "", err
	}
	if g.now().After(c.ExpiresAt) {
		return "", rpcerr.New(access.CodeConfirmationRequired, "the confirmation came too late").
			WithFix("Call again without " + tool.ArgumentConfirm + ".")
	}
	return c.Key, nil
}

// binding is what a consent is for: this principal, this tool, these arguments.
func (w *work) binding(caller *access.Caller) []byte {
	h := sha256.New()
	for _, part := range [][]byte{
		[]byte(caller.Grant.EnvironmentID), []byte(caller.Grant.TokenID), []byte(w.tool.Operation.GetId()),
		[]byte(w.arguments.ID()), []byte(w.arguments.Query()), w.arguments.Body(),
	} {
		fmt.Fprintf(h, "%d:", len(part))
		h.Write(part)
	}
	return h.Sum(nil)
}

// summary words a call for the user, without values that may be long.
func summary(w *work) string {
	text := w.tool.Operation.GetId()
	if id := w.arguments.ID(); id != "" {
		text += " " + id
	}
	if query := w.arguments.Query(); query != "" && len(query) < 200 {
		text += " (" + query + ")"
	}
	return text + ". This cannot be undone. Carry it out?"
}
