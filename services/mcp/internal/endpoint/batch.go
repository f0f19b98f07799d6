package endpoint

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// batchVersion is the one revision with batches; a request that names none is of this one.
	batchVersion = "2025-03-26"
	// maxBatch is the most messages in one request; without a limit a small request could ask for any amount.
	maxBatch = 50
)

// messages takes a batch apart.
func messages(batch jsontext.Value, version string) ([]jsontext.Value, *fault) {
	if version != "" && version != batchVersion {
		return nil, invalid(fmt.Sprintf("batches belong to protocol version %s, send one message at a time", batchVersion))
	}
	var all []jsontext.Value
	if err := json.Unmarshal(batch, &all, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, malformed("the body is not JSON")
	}
	switch {
	case len(all) == 0:
		return nil, invalid("a batch must have a message")
	case len(all) > maxBatch:
		f := invalid(fmt.Sprintf("a batch may have at most %d messages", maxBatch))
		f.status = http.StatusRequestEntityTooLarge
		return nil, f
	}
	return all, nil
}

// batch answers messages that came together, at the same time, in one array.
func (e *Endpoint) batch(ctx context.Context, w http.ResponseWriter, r *http.Request, v *visit, all []jsontext.Value) {
	answers := make([]capture, len(all))
	var running sync.WaitGroup
	for n, body := range all {
		answers[n].header = make(http.Header)
		running.Go(func() {
			if m, _ := open(body, batchVersion); text(m.Method) == "initialize" {
				invalid("initialize must not be part of a batch").write(&answers[n], m.ID)
				return
			}
			e.one(ctx, &answers[n], r, v, body)
		})
	}
	running.Wait()
	var bodies [][]byte
	for _, a := range answers {
		if a.body.Len() > 0 {
			bodies = append(bodies, bytes.TrimSpace(a.body.Bytes()))
		}
	}
	if bodies == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	writeJSON(w, http.StatusOK, []byte("["), bytes.Join(bodies, []byte(",")), []byte("]"))
}
