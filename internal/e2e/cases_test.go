package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A testCase is one call and what must come back, whatever the transport. `$account`, `$environment` and values saved by earlier cases of the
// file are replaced everywhere.
type testCase struct {
	Name string `yaml:"name"`
	// RPC is the procedure without its leading slash.
	RPC string `yaml:"rpc"`
	// Request is the request message as JSON with proto names.
	Request map[string]any `yaml:"request"`
	// REST is the same call as `METHOD /path?query`; its body is BodyField of the request, or all of it for `*`.
	REST string `yaml:"rest"`
	// RESTOnly says that the call has this form on REST alone.
	RESTOnly  bool   `yaml:"rest_only"`
	BodyField string `yaml:"body"`
	// Wrapped is the field of the response that REST answers bare.
	Wrapped string `yaml:"wrapped"`
	// Token is api (default), none, wrong, or the name of a saved value.
	Token  string            `yaml:"token"`
	Header map[string]string `yaml:"header"`
	Want   expectation       `yaml:"want"`
	// Soon lets the answer become what is wanted within a second: what one replica did, the others hear of.
	Soon bool `yaml:"soon"`
	// Save keeps values of the answer for later cases: name to path.
	Save map[string]string `yaml:"save"`
}

// An expectation is what must be true of an answer.
type expectation struct {
	// Code is the error code; empty wants success.
	Code string `yaml:"code"`
	// Status is the HTTP status on REST; 0 means 200.
	Status int `yaml:"status"`
	// Has maps paths (`result.0.id`, `result.#` for a length) to values.
	Has map[string]any `yaml:"has"`
	// Absent are paths that must not be there.
	Absent []string `yaml:"absent"`
	// Present are paths that must be there with any value.
	Present []string `yaml:"present"`
	// Text must occur in the error's message or fix.
	Text string `yaml:"text"`
}

// caseFiles reads every file of cases.
func caseFiles(t *testing.T) map[string][]testCase {
	t.Helper()
	names, err := filepath.Glob("testdata/cases/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no case files: %v", err)
	}
	files := make(map[string][]testCase)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		dec := yaml.NewDecoder(bytes.NewReader(text))
		dec.KnownFields(true)
		var cases []testCase
		if err := dec.Decode(&cases); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		files[strings.TrimSuffix(filepath.Base(name), ".yaml")] = cases
	}
	return files
}

// An answer is what a transport brought back, in one form: the response message as JSON, or the error's facts.
type answer struct {
	body   any
	err    *failure
	status int // HTTP status; 0 where the transport has none
}

// A failure is the public part of an error.
type failure struct {
	Code, Message, Fix string
}

// met says whether an answer has the code that is wanted.
func (w expectation) met(got answer) bool {
	return w.Code == "" && got.err == nil || got.err != nil && got.err.Code == w.Code
}

func (w expectation) check(t *testing.T, got answer) {
	t.Helper()
	if w.Code != "" {
		w.checkFailure(t, got)
		return
	}
	if got.err != nil {
		t.Fatalf("failed: %+v", *got.err)
	}
	if want := max(w.Status, 200); got.status != 0 && got.status != want {
		t.Errorf("status %d, want %d", got.status, want)
	}
	for path, want := range w.Has {
		have, ok := lookup(got.body, path)
		if !ok {
			t.Errorf("%s is missing in %s", path, brief(got.body))
		} else if !same(have, want) {
			t.Errorf("%s is %s, want %v", path, brief(have), want)
		}
	}
	for _, path := range w.Present {
		if _, ok := lookup(got.body, path); !ok {
			t.Errorf("%s is missing in %s", path, brief(got.body))
		}
	}
	for _, path := range w.Absent {
		if have, ok := lookup(got.body, path); ok {
			t.Errorf("%s is %s, want it left out", path, brief(have))
		}
	}
}

func (w expectation) checkFailure(t *testing.T, got answer) {
	t.Helper()
	if got.err == nil {
		t.Fatalf("succeeded with %s, want %s", brief(got.body), w.Code)
	}
	if got.err.Code != w.Code {
		t.Errorf("code %s (%s), want %s", got.err.Code, got.err.Message, w.Code)
	}
	if got.status != 0 && w.Status != 0 && got.status != w.Status {
		t.Errorf("status %d, want %d", got.status, w.Status)
	}
	if got.err.Fix == "" {
		t.Error("the error suggests no fix")
	}
	if !strings.Contains(got.err.Message+" "+got.err.Fix, w.Text) {
		t.Errorf("error says %q, fix %q: want it to mention %q", got.err.Message, got.err.Fix, w.Text)
	}
}

// lookup follows a dotted path; `#` is the length of an array.
func lookup(v any, path string) (any, bool) {
	for step := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			next, ok := x[step]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			if step == "#" {
				v = json.Number(fmt.Sprint(len(x)))
				continue
			}
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// same compares by JSON text, so that numbers of any size compare exactly.
func same(have, want any) bool {
	h, err1 := json.Marshal(have)
	w, err2 := json.Marshal(want)
	return err1 == nil && err2 == nil && bytes.Equal(h, w)
}

func brief(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	if len(b) > 400 {
		return string(b[:400]) + "..."
	}
	return string(b)
}

// decode reads JSON with exact numbers.
func decode(t *testing.T, text []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("not JSON: %v: %.300s", err, text)
	}
	return v
}
