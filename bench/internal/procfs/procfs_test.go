package procfs

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const tail = " 5 5 0 -1 4194560 1 0 0 0 120 30 7 3 20 0 9 0 100 1 2"
	for name, tt := range map[string]struct {
		text string
		want stat
		bad  bool
	}{
		"plain":       {text: "42 (nginx) S 7" + tail, want: stat{parent: 7, cpu: 1600 * time.Millisecond}},
		"spaces":      {text: "42 (a b) c) S 7" + tail, want: stat{parent: 7, cpu: 1600 * time.Millisecond}},
		"short":       {text: "42 (nginx) S 7 5 5", bad: true},
		"no command":  {text: "42 nginx S 7" + tail, bad: true},
		"no number":   {text: "42 (nginx) S x" + tail, bad: true},
		"no CPU time": {text: "42 (nginx) S 7 5 5 0 -1 4194560 1 0 0 0 x 30 7 3 20", bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseStat(tt.text)
			if (err != nil) != tt.bad || got != tt.want && !tt.bad {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestParseStatus(t *testing.T) {
	peak, resident := parseStatus("Name:\tsando\nVmPeak:\t  900 kB\nVmHWM:\t  300 kB\nVmRSS:\t  200 kB\n")
	if peak != 300<<10 || resident != 200<<10 {
		t.Errorf("got %d, %d", peak, resident)
	}
	if peak, resident = parseStatus("Name:\tzombie\n"); peak != 0 || resident != 0 {
		t.Errorf("a zombie has %d, %d", peak, resident)
	}
}

func TestFamily(t *testing.T) {
	root := t.TempDir()
	for pid, parent := range map[int]int{1: 0, 10: 1, 11: 10, 12: 10, 13: 11, 20: 1} {
		dir := filepath.Join(root, strconv.Itoa(pid))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		text := strconv.Itoa(pid) + " (x) S " + strconv.Itoa(parent) + " 5 5 0 -1 4194560 1 0 0 0 120 30 7 3 20"
		if err := os.WriteFile(filepath.Join(dir, "stat"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := family(root, 10)
	slices.Sort(got)
	if err != nil || !slices.Equal(got, []int{10, 11, 12, 13}) {
		t.Errorf("got %v, %v", got, err)
	}
}

// A child's CPU time counts while it lives and after it was awaited.
func TestReadCountsChildren(t *testing.T) {
	shell := exec.Command("sh", "-c", "sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; read wait")
	input, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		input.Close()
		shell.Wait() //nolint:errcheck // read fails at the end of its input
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		u, err := Read(shell.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		if u.CPU >= 100*time.Millisecond && u.Peak > 0 && u.Resident > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s: %+v", u)
		}
	}
}

func TestReadOfNobody(t *testing.T) {
	if _, err := Read(1 << 30); err == nil {
		t.Error("a process that does not exist has used something")
	}
}
