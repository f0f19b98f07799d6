package proxy

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sando-dev/sando/emulator"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// sent counts the writes that reached the provider.
func (b *bench) sent(method, path string) int {
	n := 0
	for _, r := range b.emulator.Requests() {
		if r.Method == method && strings.HasPrefix(strings.TrimPrefix(r.Path, emulator.BasePath), path) {
			n++
		}
	}
	return n
}

func (b *bench) firstID(resource string) string {
	b.t.Helper()
	return ids(b.rows(b.ok(b.get("/proxy/" + resource + "?limit=1"))))[0]
}

func TestContractLives(t *testing.T) {
	b := newBench(t, emulator.Options{})
	app := b.firstID("apps")
	created := b.ok(b.do(request{method: "POST", path: "/proxy/contracts", body: `{"name":"Sando","idApp":` + app + `,"status":"active"}`}))
	var contract struct {
		ID json.Number `json:"id"`
	}
	if err := json.Unmarshal(created.Result, &contract); err != nil || contract.ID == "" {
		t.Fatalf("created %s: %v", created.Result, err)
	}
	at := "/proxy/contracts/" + contract.ID.String()
	b.ok(b.do(request{method: "PATCH", path: at, body: `{"name":"Torii"}`}))
	if got := b.ok(b.get(at + "?fields=id,name")); !strings.Contains(string(got.Result), `"Torii"`) {
		t.Errorf("after the update: %s", got.Result)
	}
	b.ok(b.do(request{method: "PUT", path: at, body: `{"name":"Gate"}`}))
	deleted := b.do(request{method: "DELETE", path: at})
	b.ok(deleted)
	if want := `{"result":{"id":"` + contract.ID.String() + `"}}`; string(deleted.body) != want {
		t.Errorf("delete = %s, want %s", deleted.body, want)
	}
	b.refused(b.get(at), 404, "UPSTREAM_NOT_FOUND")
}

func TestMissingFieldsAreNamedBeforeSending(t *testing.T) {
	b := newBench(t, emulator.Options{})
	b.emulator.ClearRequests()
	e := b.refused(b.do(request{method: "POST", path: "/proxy/contracts", body: `{"name":"x"}`}), 400, "VALIDATION_FAILED")
	for _, field := range []string{"idApp", "status"} {
		if !strings.Contains(e.Message, field) {
			t.Errorf("message %q does not name %s", e.Message, field)
		}
	}
	for _, body := range []string{"", "[]", `{"name":`, "nonsense"} {
		b.refused(b.do(request{method: "POST", path: "/proxy/contracts", body: body}), 400, "VALIDATION_FAILED")
	}
	if n := len(b.emulator.Requests()); n != 0 {
		t.Errorf("%d requests reached Torii", n)
	}
}

func TestAppsAreMadeFromNameOrCatalogue(t *testing.T) {
	b := newBench(t, emulator.Options{})
	b.emulator.ClearRequests()
	b.ok(b.do(request{method: "POST", path: "/proxy/apps", body: `{"name":"Homemade"}`}))
	found := b.rows(b.ok(b.get("/proxy/apps/search?q=a&limit=50")))
	b.do(request{method: "POST", path: "/proxy/apps", body: `{"idApp":` + ids(found)[0] + `}`})
	if custom, catalogue := b.sent("POST", "/apps/custom"), b.sent("POST", "/apps"); custom != 1 || catalogue != 2 {
		t.Errorf("%d calls of /apps/custom and %d in all, want 1 and 2", custom, catalogue)
	}
}

func TestWriteIsOnRecordBeforeAndAfter(t *testing.T) {
	b := newBench(t, emulator.Options{})
	user := b.firstID("users")
	b.ok(b.do(request{method: "PATCH", path: "/proxy/users/" + user, body: `{"lifecycleStatus":"offboarding"}`}))
	entries := b.auth.entries("torii.users.update")
	if len(entries) != 2 {
		t.Fatalf("%d audit entries, want intent and outcome", len(entries))
	}
	intent, outcome := entries[0], entries[1]
	if intent.GetPhase() != "intent" || intent.Status != nil || intent.GetArgumentsDigest() == "" || intent.GetIntegratedAccountId() != account {
		t.Errorf("intent = %v", intent)
	}
	if outcome.GetPhase() != "outcome" || outcome.GetStatus() != 200 || outcome.GetIntentId() != intent.GetId() || outcome.GetUpstreamStatus() != 200 {
		t.Errorf("outcome = %v", outcome)
	}
}

func TestNoWriteWithoutAudit(t *testing.T) {
	b := newBench(t, emulator.Options{})
	user := b.firstID("users")
	b.auth.mu.Lock()
	b.auth.auditErr = rpcerr.New(rpcerr.Unavailable, "")
	b.auth.mu.Unlock()
	b.refused(b.do(request{method: "PATCH", path: "/proxy/users/" + user, body: `{"lifecycleStatus":"offboarding"}`}), 503, "AUDIT_UNAVAILABLE")
	if n := b.sent("PUT", "/users/"); n != 0 {
		t.Errorf("%d writes were sent", n)
	}
	b.ok(b.get("/proxy/users?limit=1"))
}

func TestRefusedWritesAreOnRecord(t *testing.T) {
	b := newBench(t, emulator.Options{})
	b.refused(b.do(request{method: "DELETE", path: "/proxy/contracts/1", token: tokenSelected}), 403, "OPERATION_NOT_GRANTED")
	entries := b.auth.entries("torii.contracts.delete")
	if len(entries) != 1 || entries[0].GetCode() != "OPERATION_NOT_GRANTED" || entries[0].GetMcpServerId() != "mcp-1" || entries[0].GetStatus() != 403 {
		t.Errorf("entries = %v", entries)
	}
}

func TestIdempotencyKey(t *testing.T) {
	b := newBench(t, emulator.Options{})
	app := b.firstID("apps")
	body := `{"name":"Once","idApp":` + app + `,"status":"active"}`
	write := func(body string) answer {
		return b.do(request{method: "POST", path: "/proxy/contracts", body: body, header: map[string]string{"Idempotency-Key": "k1"}})
	}
	first := write(body)
	b.ok(first)
	again := write(body)
	b.ok(again)
	if !bytes.Equal(first.body, again.body) || again.header.Get("Sando-Idempotent-Replay") != "true" {
		t.Errorf("replayed %s, want %s", again.body, first.body)
	}
	b.refused(write(strings.Replace(body, "Once", "Twice", 1)), 409, "IDEMPOTENCY_KEY_REUSED")
	if n := b.sent("POST", "/contracts"); n != 1 {
		t.Errorf("the write was sent %d times", n)
	}
}

func TestDuplicatesInFlightWait(t *testing.T) {
	b := newBench(t, emulator.Options{})
	app := b.firstID("apps")
	b.fault(emulator.Fault{Kind: emulator.FaultSlow, Operation: "contracts.create", Delay: 200 * time.Millisecond, Times: -1})
	var wait sync.WaitGroup
	answers := make([]answer, 4)
	for i := range answers {
		wait.Go(func() {
			answers[i] = b.do(request{
				method: "POST", path: "/proxy/contracts", header: map[string]string{"Idempotency-Key": "k"},
				body: `{"name":"Once","idApp":` + app + `,"status":"active"}`,
			})
		})
	}
	wait.Wait()
	for _, a := range answers {
		b.ok(a)
		if !bytes.Equal(a.body, answers[0].body) {
			t.Errorf("answers differ: %s and %s", a.body, answers[0].body)
		}
	}
	if n := b.sent("POST", "/contracts"); n != 1 {
		t.Errorf("the write was sent %d times", n)
	}
}

func TestUnknownOutcomeIsNeverSentAgain(t *testing.T) {
	for _, f := range []emulator.Fault{
		{Kind: emulator.FaultResetAfter},
		{Kind: emulator.FaultCut},
		{Kind: emulator.FaultStatus, Status: 500},
		{Kind: emulator.FaultStatus, Status: 502},
		{Kind: emulator.FaultBadJSON},
		{Kind: emulator.FaultWrongContent},
	} {
		t.Run(string(f.Kind), func(t *testing.T) {
			b := newBench(t, emulator.Options{})
			app := b.firstID("apps")
			b.emulator.ClearRequests()
			f.Operation, f.Times = "contracts.create", -1
			b.fault(f)
			for range 2 {
				e := b.refused(b.do(request{
					method: "POST", path: "/proxy/contracts", header: map[string]string{"Idempotency-Key": "k"},
					body: `{"name":"Once","idApp":` + app + `,"status":"active"}`,
				}), 502, "OUTCOME_UNKNOWN")
				if e.Retryable {
					t.Error("an unknown outcome is called retryable")
				}
			}
			if n := b.sent("POST", "/contracts"); n != 1 {
				t.Errorf("the write was sent %d times", n)
			}
		})
	}
}

// form makes an upload of so many bytes.
func form(t testing.TB, name string, size int, fields map[string]string) request {
	t.Helper()
	return formOf(t, name, strings.Repeat("x", size), fields)
}

// formOf makes an upload.
func formOf(t testing.TB, name, content string, fields map[string]string) request {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for k, v := range fields {
		if err := w.WriteField(k, v); err != nil {
			t.Fatal(err)
		}
	}
	if name != "" {
		part, err := w.CreateFormFile("file", name)
		if err == nil {
			_, err = io.WriteString(part, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return request{
		method: http.MethodPost, path: "/proxy/files/upload", body: body.String(),
		header: map[string]string{"Content-Type": w.FormDataContentType()},
	}
}

func TestUploadAndDownload(t *testing.T) {
	b := newBench(t, emulator.Options{})
	attachment := map[string]string{"type": "attachment"}
	uploaded := b.ok(b.do(form(t, "a.csv", 3145728, attachment)))
	var file struct {
		ID json.Number `json:"id"`
	}
	if err := json.Unmarshal(uploaded.Result, &file); err != nil || file.ID == "" {
		t.Fatalf("uploaded %s: %v", uploaded.Result, err)
	}
	b.emulator.ClearRequests()
	down := b.get("/proxy/files/" + file.ID.String() + "/download")
	if down.status != 200 || len(down.body) != 3145728 || down.header.Get("Content-Disposition") == "" {
		t.Errorf("download: %d, %d bytes, %v", down.status, len(down.body), down.header)
	}

	b.emulator.ClearRequests()
	for name, tt := range map[string]struct {
		r    request
		code string
		http int
	}{
		"a byte too much":   {form(t, "a.csv", 3145729, attachment), "FILE_REJECTED", 400},
		"far too much":      {form(t, "a.csv", 6<<20, attachment), "FILE_REJECTED", 400},
		"another extension": {form(t, "a.exe", 10, attachment), "FILE_REJECTED", 400},
		"an empty file":     {form(t, "a.csv", 0, attachment), "FILE_REJECTED", 400},
		"no type":           {form(t, "a.csv", 10, nil), "VALIDATION_FAILED", 400},
		"no file":           {form(t, "", 0, attachment), "VALIDATION_FAILED", 400},
		"a field too many":  {form(t, "a.csv", 10, map[string]string{"type": "attachment", "x": "y"}), "VALIDATION_FAILED", 400},
		"JSON for a form":   {request{method: "POST", path: "/proxy/files/upload", body: `{}`}, "UNSUPPORTED_MEDIA_TYPE", 415},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			b.refused(b.do(tt.r), tt.http, tt.code)
		})
	}
	if n := len(b.emulator.Requests()); n != 0 {
		t.Errorf("%d of the refused uploads reached Torii", n)
	}
}

func TestDownloadFollowsOnlyDeclaredHosts(t *testing.T) {
	b := newBench(t, emulator.Options{})
	for _, location := range []string{"https://evil.example/x", "http://s3.amazonaws.com/x", "https://s3.amazonaws.com:444/x", "https://s3.amazonaws.com.evil.example/x", "//evil.example", ""} {
		b.fault(emulator.Fault{Kind: emulator.FaultRedirect, Location: location, Operation: "files.download"})
		b.refused(b.get("/proxy/files/1/download"), 502, "UPSTREAM_BAD_RESPONSE")
	}
}

func TestRedirectsAreRefused(t *testing.T) {
	b := newBench(t, emulator.Options{})
	b.fault(emulator.Fault{Kind: emulator.FaultRedirect, Location: "/v1.0/orgs/my"})
	b.refused(b.get("/proxy/users?limit=1"), 502, "UPSTREAM_BAD_RESPONSE")
}
