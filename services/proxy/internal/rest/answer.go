package rest

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/sando-dev/sando/services/proxy/internal/relay"
)

// An envelope is what stands around the data of an answer. With Sando-Raw there
// is none.
type envelope struct {
	w   http.ResponseWriter
	raw bool
}

var _ relay.Typed = envelope{}

// open begins an answer.
func open(w http.ResponseWriter, r *http.Request) (envelope, error) {
	e := envelope{w: w, raw: r.Header.Get(headerRaw) == "true"}
	w.Header().Set("Content-Type", mediaJSON)
	if e.raw {
		return e, nil
	}
	_, err := io.WriteString(w, `{"result":`)
	return e, err
}

// Write takes the data.
func (e envelope) Write(b []byte) (int, error) { return e.w.Write(b) }

// WriteString takes the data.
func (e envelope) WriteString(s string) (int, error) { return io.WriteString(e.w, s) }

// ContentType is that of a raw answer.
func (e envelope) ContentType(mediaType string) {
	if e.raw && mediaType != "" {
		e.w.Header().Set("Content-Type", mediaType)
	}
}

// close ends an answer. Nothing but this makes it whole.
func (e envelope) close(result relay.Result) error {
	if e.raw {
		return nil
	}
	tail := make([]byte, 0, 256)
	if result.List {
		tail = append(tail, `,"next_cursor":`...)
		tail = appendCursor(tail, result.NextCursor)
		tail = append(tail, `,"prev_cursor":null,"result_count":`...)
		tail = strconv.AppendInt(tail, int64(result.Count), 10)
		tail = append(tail, `,"limit":`...)
		tail = strconv.AppendInt(tail, int64(result.Limit), 10)
		if result.Total >= 0 {
			tail = append(tail, `,"total":`...)
			tail = strconv.AppendInt(tail, result.Total, 10)
		}
		tail = appendBeside(tail, result)
	}
	_, err := e.w.Write(append(tail, '}'))
	return err
}

// appendBeside writes what stands in an envelope only when there is something to
// say.
func appendBeside(b []byte, result relay.Result) []byte {
	if result.Aggregations != "" {
		b = append(append(b, `,"aggregations":`...), result.Aggregations...)
	}
	if result.Shifted {
		b = append(b, `,"meta":{"shifted":true}`...)
	}
	return b
}

// appendCursor writes a cursor, which is base64url, or null.
func appendCursor(b []byte, cursor string) []byte {
	if cursor == "" {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = append(b, cursor...)
	return append(b, '"')
}

// lineBreaks may stand between the tokens of aggregations, but not in a line.
var lineBreaks = strings.NewReplacer("\n", "", "\r", "") //nolint:gochecknoglobals // nothing changes it

// pageLine stands behind the rows of a page in a stream of lines.
func pageLine(result relay.Result) []byte {
	result.Aggregations = lineBreaks.Replace(result.Aggregations)
	line := append(make([]byte, 0, 256), `{"page":{"next_cursor":`...)
	line = appendCursor(line, result.NextCursor)
	line = append(line, `,"result_count":`...)
	line = strconv.AppendInt(line, int64(result.Count), 10)
	return append(appendBeside(line, result), "}}\n"...)
}

// summaryLine ends a stream of lines; one without it broke off.
func summaryLine(sum relay.Summary) []byte {
	line := append(make([]byte, 0, 96), `{"summary":{"result_count":`...)
	line = strconv.AppendInt(line, sum.Rows, 10)
	line = append(line, `,"pages":`...)
	line = strconv.AppendInt(line, int64(sum.Pages), 10)
	return append(line, "}}\n"...)
}

// data writes the answer to a write.
func data(w http.ResponseWriter, r *http.Request, reply relay.Reply) error {
	e, err := open(w, r)
	if err != nil {
		return err
	}
	e.ContentType(reply.MediaType)
	if _, err := e.Write(reply.Data); err != nil {
		return err
	}
	return e.close(relay.Result{})
}
