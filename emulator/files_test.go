package emulator_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sando-dev/sando/emulator"
)

// fetch calls a full address, as a client that follows a redirect does.
func (c client) fetch(method, address string, header http.Header, body []byte) *httptest.ResponseRecorder {
	c.t.Helper()
	r := httptest.NewRequest(method, address, bytes.NewReader(body))
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	return w
}

func TestUploadAndDownload(t *testing.T) {
	clock := newClock()
	_, c := start(t, emulator.Options{Now: clock.Now})
	content := bytes.Repeat([]byte("0123456789abcdef"), emulator.MaxUpload/16)
	contentType, body := form(t, "attachment", "big report.PDF", content)
	id := fmt.Sprint(c.do("POST", "/files/upload", contentType, body).want(http.StatusOK).at("id"))
	if got := c.get("/files/"+id+"?type=attachment").at("file", "fileName"); got != "big report.PDF" {
		t.Errorf("fileName %v", got)
	}
	c.get("/files/"+id).refused(http.StatusNotFound, id) // looks among expense reports

	location := c.get("/files/" + id + "/download").want(http.StatusFound).header.Get("Location")
	if strings.HasPrefix(location, "http://torii.test"+emulator.BasePath) {
		t.Errorf("the download lies inside the API: %s", location)
	}
	if w := c.fetch("GET", location, nil, nil); w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), content) {
		t.Errorf("download: status %d, %d bytes", w.Code, w.Body.Len())
	}
	if w := c.fetch("GET", location, http.Header{"Authorization": {"Bearer " + emulator.DefaultKey}}, nil); w.Code != http.StatusBadRequest {
		t.Errorf("a download that carries the key: status %d, want 400", w.Code)
	}
	if w := c.fetch("GET", strings.Replace(location, "PDF", "PDG", 1), nil, nil); w.Code != http.StatusForbidden {
		t.Errorf("a forged address: status %d, want 403", w.Code)
	}
	if w := c.fetch("PUT", location, nil, []byte("x")); w.Code != http.StatusForbidden {
		t.Errorf("PUT on a download address: status %d, want 403", w.Code)
	}
	clock.advance(5 * time.Minute)
	if w := c.fetch("GET", location, nil, nil); w.Code != http.StatusForbidden {
		t.Errorf("after five minutes: status %d, want 403", w.Code)
	}
}

func TestUploadIsChecked(t *testing.T) {
	_, c := start(t, emulator.Options{NoRateLimits: true})
	upload := func(c client, kind, name string, content []byte) result {
		contentType, body := form(t, kind, name, content)
		return c.do("POST", "/files/upload", contentType, body)
	}
	upload(c, "attachment", "x.exe", nil).refused(http.StatusBadRequest, ".csv")
	upload(c, "photo", "x.png", nil).refused(http.StatusBadRequest, "type")
	upload(c, "", "x.png", nil).refused(http.StatusBadRequest, "type")
	upload(c, "attachment", "", nil).refused(http.StatusBadRequest, "file")
	upload(c, "attachment", "x.png", make([]byte, emulator.MaxUpload+1)).refused(http.StatusRequestEntityTooLarge, "3145728")
	upload(c, "attachment", "x.png", make([]byte, 8<<20)).refused(http.StatusRequestEntityTooLarge, "3145728")
	upload(c, "attachment", "x.png", make([]byte, emulator.MaxUpload)).want(http.StatusOK)
	c.send("POST", "/files/upload", `{}`).refused(http.StatusUnsupportedMediaType, "")
	c.do("POST", "/files/upload", "multipart/form-data; boundary=x", []byte("nonsense")).refused(http.StatusBadRequest, "multipart")
	_, variant := start(t, emulator.Options{UploadCreated: true, OversizeBadRequest: true})
	upload(variant, "attachment", "x.png", make([]byte, emulator.MaxUpload+1)).refused(http.StatusBadRequest, "3145728")
	upload(variant, "attachment", "x.png", nil).want(http.StatusCreated)
}

func TestLargeFileFlow(t *testing.T) {
	_, c := start(t, emulator.Options{})
	grant := c.get("/files/url?name=" + url.QueryEscape("März.csv") + "&type=text/csv").want(http.StatusOK)
	address, where := grant.at("uploadFileParameters", "url").(string), grant.at("uploadFileParameters", "filePath").(string)
	if w := c.fetch("PUT", address, http.Header{"Content-Type": {"application/json"}}, []byte("a,b")); w.Code != http.StatusForbidden {
		t.Errorf("another Content-Type: status %d, want 403", w.Code)
	}
	if w := c.fetch("PUT", address, http.Header{"Content-Type": {"text/csv"}}, []byte("a,b\n1,2\n")); w.Code != http.StatusOK {
		t.Fatalf("PUT: status %d %s", w.Code, w.Body)
	}
	id := fmt.Sprint(c.send("POST", "/files", map[string]string{"path": where, "type": "expenseReport"}).want(http.StatusOK).at("id"))
	location := c.get("/files/" + id + "/download").header.Get("Location")
	if w := c.fetch("GET", location, nil, nil); w.Body.String() != "a,b\n1,2\n" {
		t.Errorf("download: %d %q", w.Code, w.Body)
	}
	for _, bad := range []string{`{"path":"x.csv","type":"expenseReport"}`, `{"path":"1/x/y.csv","type":"expenseReport"}`, `{"path":"1/x.csv","type":"x"}`, `{"path":"1/x.csv"}`} {
		c.send("POST", "/files", bad).refused(http.StatusBadRequest, "")
	}
	never := fmt.Sprint(c.send("POST", "/files", `{"path":"1612686123657/never.csv","type":"expenseReport"}`).at("id"))
	if w := c.fetch("GET", c.get("/files/"+never+"/download").header.Get("Location"), nil, nil); w.Code != http.StatusNotFound {
		t.Errorf("bytes that never came: status %d, want 404", w.Code)
	}
}

func TestStorageCanHaveItsOwnOrigin(t *testing.T) {
	_, c := start(t, emulator.Options{StorageURL: "https://bucket.example/"})
	if location := c.get("/files/1001/download").header.Get("Location"); !strings.HasPrefix(location, "https://bucket.example/storage/") {
		t.Errorf("Location %s", location)
	}
}

func TestParsing(t *testing.T) {
	clock := newClock()
	_, c := start(t, emulator.Options{Now: clock.Now})
	id := fmt.Sprint(c.send("PUT", "/parsings/automatic", `{"idFile":1000}`).want(http.StatusOK).at("id"))
	if got := c.get("/parsings/"+id).at("parse", "status"); got != "parsing_in_progress" {
		t.Errorf("at once: %v", got)
	}
	clock.advance(5 * time.Second)
	done := c.get("/parsings/" + id)
	if done.at("parse", "status") != "parsed_successfully" || fmt.Sprint(done.at("parse", "totalTransactions")) != "3" || fmt.Sprint(done.at("parse", "matchedTransactions")) != "2" {
		t.Errorf("after five seconds: %s", done.body)
	}
	c.send("PUT", "/parsings/automatic", `{"idFile":1001}`).refused(http.StatusNotFound, "1001")
	manual := func(rest string) result {
		return c.send("PUT", "/parsings/manual", `{"parseConfig":{"idFile":1000,"transactionDateColumn":"A","descriptionColumn":"B","amountColumn":"C",`+rest+`}}`)
	}
	manual(`"dateFormat":"YYYY-MM-DD","currency":"EUR"`).want(http.StatusOK)
	manual(`"dateFormat":"YYYY-MM-DD","currency":"GIL"`).refused(http.StatusBadRequest, "currency")
	manual(`"dateFormat":"YYYY-MM-DD","currency":"EUR","currencyColumn":"D"`).refused(http.StatusBadRequest, "exactly one")
	manual(`"dateFormat":"someday","currency":"EUR"`).refused(http.StatusBadRequest, "dateFormat")
}
