package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The product under steady load, with accounts coming and going. SANDO_SOAK says for how long; a few seconds by default, which shows that it works and that nothing
// fails. From ten minutes on, memory at the end may be at most 1.10 times what it was after the first sixth.
func TestSoak(t *testing.T) {
	duration := 3 * time.Second
	if text := os.Getenv("SANDO_SOAK"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	// The product by itself, so that its memory is its own and not also the stand-in's.
	o := newOperator(t)
	s := o.serve(t)
	link(t, &s)
	p, l := o.server, newLoad(s)
	finish := l.start(t)
	began, early := time.Now(), 0
	for n := 0; time.Since(began) < duration; n++ {
		comeAndGo(t, s, n)
		if early == 0 && time.Since(began) > duration/6 {
			early = resident(t, p.cmd.Process.Pid)
		}
	}
	finish()
	late := resident(t, p.cmd.Process.Pid)
	l.checkWrites(t, s)
	t.Logf("%s: %d calls, %d tried again, %d writes; resident memory %d kB early, %d kB late (%.2f)",
		duration, l.done.Load(), l.again.Load(), l.writes.Load(), early, late, float64(late)/float64(early))
	if duration >= 10*time.Minute && float64(late) > 1.10*float64(early) {
		t.Errorf("memory grew from %d to %d kB", early, late)
	}
}

// comeAndGo links an account, uses it and unlinks it.
func comeAndGo(t *testing.T, s stack, n int) {
	t.Helper()
	rest := restOver{client: http.DefaultClient, base: s.baseURL}
	body, err := json.Marshal(map[string]any{"tenant_id": fmt.Sprintf("guest-%d", n), "context": map[string]string{"api_key": s.toriiKey}})
	if err != nil {
		t.Fatal(err)
	}
	code, text := rest.do(t, "POST", "/integrated-account", s.apiToken, nil, body)
	if code == http.StatusTooManyRequests {
		time.Sleep(time.Second) // linking asks the provider, which has its limits
		return
	}
	if code != http.StatusOK {
		t.Fatalf("link: status %d: %s", code, text)
	}
	id := must(t, decode(t, text), "id").(string)
	target := "/proxy/users/1003?integrated_account_id=" + id
	if code, text := rest.do(t, "GET", target, s.apiToken, nil, nil); code != http.StatusOK && code != http.StatusTooManyRequests {
		t.Errorf("%s: status %d: %s", target, code, text)
	}
	if code, text := rest.do(t, "DELETE", "/integrated-account/"+id, s.apiToken, nil, nil); code != http.StatusOK {
		t.Errorf("unlink: status %d: %s", code, text)
	}
}

// resident is the resident memory of a process in kB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return kb
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
