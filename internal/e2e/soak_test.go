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
// fails. From ten minutes on, memory at the end may be at most 1.10 times what it was after the first sixth. CPU per call is told, not judged: it depends on what else
// the machine does.
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
	first, last := newStretch(t, p.cmd.Process.Pid, l), stretch{}
	for n := 0; time.Since(began) < duration; n++ {
		comeAndGo(t, s, n)
		if early == 0 && time.Since(began) > duration/6 {
			early = resident(t, p.cmd.Process.Pid)
			first = first.until(t, p.cmd.Process.Pid, l)
		}
		if last.calls == 0 && time.Since(began) > duration*5/6 {
			last = newStretch(t, p.cmd.Process.Pid, l)
		}
	}
	last = last.until(t, p.cmd.Process.Pid, l)
	finish()
	late := resident(t, p.cmd.Process.Pid)
	l.checkWrites(t, s)
	t.Logf("%s: %d calls, %d tried again, %d writes; resident memory %d kB early, %d kB late (%.2f)",
		duration, l.done.Load(), l.again.Load(), l.writes.Load(), early, late, float64(late)/float64(early))
	t.Logf("CPU per call: %.2f ms in the first sixth, %.2f ms in the last (%.2f)", first.perCall(), last.perCall(), last.perCall()/first.perCall())
	if duration >= 10*time.Minute && float64(late) > 1.10*float64(early) {
		t.Errorf("memory grew from %d to %d kB", early, late)
	}
}

// A stretch is a part of a run: what a process used in it, in milliseconds of CPU, and the calls that it answered.
type stretch struct{ ms, calls float64 }

func newStretch(t *testing.T, pid int, l *load) stretch {
	t.Helper()
	return stretch{busy(t, pid), float64(l.done.Load())}
}

// until ends the stretch that began at s.
func (s stretch) until(t *testing.T, pid int, l *load) stretch {
	t.Helper()
	now := newStretch(t, pid, l)
	return stretch{now.ms - s.ms, now.calls - s.calls}
}

func (s stretch) perCall() float64 { return s.ms / max(s.calls, 1) }

// busy is the CPU time of a process in milliseconds: user's and system's, fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms.
func busy(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// The name, field 2, stands in parentheses and may hold anything.
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	var ticks float64
	for _, field := range fields[14-3 : 16-3] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return ticks * 10
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
