package edge_test

import (
	"errors"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/kittest"
)

// A panic that no interceptor sees breaks the connection off, and its value is
// in no line: neither ours nor net/http's.
func TestPanicOutsideOfTheChain(t *testing.T) {
	l := kittest.Logger(t)
	mux := edge.NewMux(edge.MuxOptions{Errors: kittest.Errors(t), Log: l.Logger})
	err := mux.Stream(http.MethodGet, "/bare/{id}", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(errors.New("hunter2")) }))
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("GET /page", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(errors.New("hunter2")) }))
	server := httptest.NewUnstartedServer(mux.Handler())
	server.Config.ErrorLog = log.New(l, "", 0)
	server.Start()
	defer server.Close()
	if res, err := http.Get(server.URL + "/bare/1"); err == nil {
		res.Body.Close()
		t.Errorf("it was answered with %s", res.Status)
	}
	res, err := http.Get(server.URL + "/page")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	lines := l.Lines(`"msg":"panic"`)
	if res.StatusCode != http.StatusInternalServerError || len(lines) != 2 || strings.Contains(l.String(), "hunter2") {
		t.Errorf("%s; log: %s", res.Status, l.String())
	}
	for _, line := range lines {
		if !strings.Contains(line, "a value of type *errors.errorString") || !strings.Contains(line, "panic_test.go") {
			t.Errorf("the line does not say where: %s", line)
		}
	}
}
