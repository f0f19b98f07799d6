package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// ControlPath is where the control routes lie when Options.Control is set.
const ControlPath = "/__emulator"

// control serves the control routes. They are for tests and take no key.
func (e *Emulator) control() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, answer func() any) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+ControlPath+path, func(w http.ResponseWriter, _ *http.Request) { show(w, answer()) })
	}
	handle("GET /state", func() any { return e.Snapshot() })
	handle("POST /reset", func() any {
		e.Reset()
		return e.Snapshot()
	})
	handle("GET /requests", func() any { return e.Requests() })
	handle("DELETE /requests", func() any {
		e.ClearRequests()
		return e.Requests()
	})
	handle("GET /faults", func() any { return e.faultList() })
	handle("DELETE /faults", func() any {
		e.ClearFaults()
		return e.faultList()
	})
	mux.HandleFunc("POST "+ControlPath+"/faults", e.orderFaults)
	mux.HandleFunc("POST "+ControlPath+"/rows", e.changeRows)
	return mux
}

// Snapshot is what GET /__emulator/state shows.
type Snapshot struct {
	Orgs     []OrgSnapshot `json:"orgs"`
	Requests int64         `json:"requests"`
	Faults   int           `json:"faults"`
}

// OrgSnapshot counts what one organisation holds.
type OrgSnapshot struct {
	ID               int64 `json:"id"`
	Users            int   `json:"users"`
	Apps             int   `json:"apps"`
	Contracts        int   `json:"contracts"`
	Transactions     int   `json:"transactions"`
	Files            int   `json:"files"`
	AuditEvents      int   `json:"audit_events"`
	ActionExecutions int   `json:"action_executions"`
}

// Snapshot counts what there is, organisations in the order of Options.
func (e *Emulator) Snapshot() Snapshot {
	s := Snapshot{Faults: len(e.Faults())}
	e.requests.mu.Lock()
	s.Requests = e.requests.seq
	e.requests.mu.Unlock()
	for _, o := range e.opts.Orgs {
		s.Orgs = append(s.Orgs, e.orgs[o.ID].snapshot())
	}
	return s
}

func (o *org) snapshot() OrgSnapshot {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return OrgSnapshot{
		ID: o.ID, Users: userSource{o}.Len(), Apps: len(o.apps), Contracts: len(o.contracts), Transactions: len(o.transactions),
		Files: len(o.files), AuditEvents: len(o.audit), ActionExecutions: len(o.executions),
	}
}

// faultText is a Fault in JSON, with the delay in words.
type faultText struct {
	Fault
	Delay string `json:"delay,omitempty"`
}

func (e *Emulator) faultList() []faultText {
	list := []faultText{}
	for _, f := range e.Faults() {
		text := faultText{Fault: f}
		if f.Delay > 0 {
			text.Delay = f.Delay.String()
		}
		list = append(list, text)
	}
	return list
}

// orderFaults is POST /__emulator/faults: one fault or an array of them, all or none.
func (e *Emulator) orderFaults(w http.ResponseWriter, r *http.Request) {
	faults, err := readFaults(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, f := range faults {
		if err := e.Inject(f); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	show(w, e.faultList())
}

// changeRows is POST /__emulator/rows.
func (e *Emulator) changeRows(w http.ResponseWriter, r *http.Request) {
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxJSONBody))
	decoder.DisallowUnknownFields()
	var change RowChange
	err := decoder.Decode(&change)
	if err == nil {
		err = e.ChangeRows(change)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	show(w, e.Snapshot())
}

func readFaults(r io.Reader) ([]Fault, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxJSONBody))
	if err != nil {
		return nil, err
	}
	body = bytes.TrimSpace(body)
	if len(body) > 0 && body[0] != '[' {
		body = append(append([]byte{'['}, body...), ']')
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	var texts []faultText
	if err := decoder.Decode(&texts); err != nil {
		return nil, err
	}
	if len(texts) == 0 {
		return nil, errors.New("emulator: no fault given")
	}
	faults := make([]Fault, len(texts))
	for i, text := range texts {
		faults[i] = text.Fault
		if text.Delay != "" {
			if faults[i].Delay, err = time.ParseDuration(text.Delay); err != nil {
				return nil, err
			}
		}
		if err := faults[i].validate(); err != nil {
			return nil, err
		}
	}
	return faults, nil
}

func show(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", jsonType)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.Encode(v) //nolint:errcheck // the client is gone; there is nobody to tell
}
