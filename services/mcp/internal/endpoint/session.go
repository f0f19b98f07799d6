package endpoint

import (
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// headerSession is the header with which a client says which session a request belongs to.
const headerSession = "Mcp-Session-Id"

// purposeSession is what session ids are sealed for.
const purposeSession = "mcp.session"

// A session is what a client said of itself in initialize: the revisions before 2026-07-28 say it once. No replica keeps it. The client does, sealed
// as the id of its session, and so brings it to whichever replica a request reaches. An id that cannot be read is passed over: it is no authority,
// and all that is missed is the client's name and that it can ask its user.
type session struct {
	// version is the revision that was agreed on.
	version string
	// client is the client's own name and version.
	client string
	// asks says that the client can put a form to its user.
	asks bool
}

// began is the session that an initialize begins.
func began(p *mcp.InitializeParams, r *mcp.InitializeResult) session {
	s := session{version: r.ProtocolVersion, client: implementationText(p.ClientInfo)}
	if p.Capabilities != nil {
		s.asks = elicitsForms(p.Capabilities)
	}
	return s
}

// elicitsForms says whether a client can put a form to its user; one that says nothing of its modes can.
func elicitsForms(c *mcp.ClientCapabilities) bool {
	return c.Elicitation != nil && (c.Elicitation.Form != nil || c.Elicitation.URL == nil)
}

// id is the session as the client carries it. It is good for one MCP server.
func (e *Endpoint) sessionID(s session, server string) (string, error) {
	asks := ""
	if s.asks {
		asks = "asks"
	}
	return e.o.Ring.Seal(purposeSession, []byte(strings.Join([]string{s.version, asks, s.client}, "\n")), []byte(server))
}

// session reads the session that a request belongs to; the zero session when it names none, or none that can be read.
func (e *Endpoint) session(h http.Header, v *visit) session {
	id := h.Get(headerSession)
	if id == "" || v.record == nil {
		return session{}
	}
	plain, err := e.o.Ring.Open(purposeSession, id, []byte(v.record.GetId()))
	if err != nil {
		return session{}
	}
	version, rest, _ := strings.Cut(string(plain), "\n")
	asks, client, _ := strings.Cut(rest, "\n")
	return session{version: version, client: client, asks: asks != ""}
}

// asksInStream says whether the user can be asked on the stream of a call's answer: the revisions from 2025-06-18 to 2025-11-25 have it, for clients
// that can and that read streams.
func (v *visit) asksInStream(h http.Header) bool {
	s := v.session
	return s.asks && v.streams && "2025-06-18" <= s.version && s.version < statelessVersion && h.Get(headerVersion) == s.version
}
