package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sando-dev/sando/bench/internal/measure"
)

// A report is what the run hands back.
type report struct {
	Date    time.Time         `json:"date"`
	Commit  string            `json:"commit"`
	Machine machine           `json:"machine"`
	Version map[string]string `json:"versions"`
	Options map[string]any    `json:"options"`
	// Readings are held against the budgets.
	Readings []reading `json:"readings"`
	// Scenes are the samples behind them, by measurement and subject.
	Scenes []scene `json:"scenes"`
}

type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	Kernel string `json:"kernel"`
	// Load is the load average when the run began: above 0.5 something else was running.
	Load string `json:"load_average_before"`
}

type scene struct {
	Title    string   `json:"title"`
	Subjects []string `json:"subjects"`
	Samples  runs     `json:"samples"`
}

func newReport(ctx context.Context, o options) (*report, error) {
	r := &report{
		Date: time.Now().UTC().Truncate(time.Second),
		Options: map[string]any{
			"rounds": o.rounds, "seconds": o.round.Seconds(), "connections": o.connections, "accounts": o.accounts, "quick": o.quick,
		},
		Version: map[string]string{"go": runtime.Version(), "node": said(ctx, "node", "--version"), "nginx": said(ctx, "/usr/sbin/nginx", "-v")},
		Machine: machine{
			CPU: field("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), Memory: field("/proc/meminfo", "MemTotal"),
			Kernel: said(ctx, "uname", "-r"), Load: firstLine("/proc/loadavg"),
		},
	}
	r.Commit = said(ctx, "git", "-C", o.root, "describe", "--tags", "--always", "--dirty")
	if r.Commit == "" {
		r.Commit = "unknown"
	}
	return r, os.MkdirAll(o.results, 0o755)
}

// said is what a program prints, or nothing when it is not there.
func said(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}

func firstLine(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// field is the first value of a name in a file of /proc.
func field(name, key string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// keep takes the samples of a measurement.
func (r *report) keep(title string, subjects []subject, samples runs) {
	s := scene{Title: title, Samples: samples}
	for _, subject := range subjects {
		s.Subjects = append(s.Subjects, subject.name)
	}
	r.Scenes = append(r.Scenes, s)
}

// write prints the tables, and leaves them as JSON and Markdown in a folder.
func (r *report) write(w io.Writer, folder string) error {
	if err := r.print(w); err != nil {
		return err
	}
	name := filepath.Join(folder, r.Date.Format("2006-01-02")+"-"+r.Commit)
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(name+".json", append(text, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(name+".md", r.markdown(), 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s.json\n%s.md\n", name, name)
	return err
}

func (r *report) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nrow\twhat\tcase\tbudget\tmeasured\tleast..most\tverdict")
	for _, read := range r.Readings {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", read.Row, read.What, read.Case, read.budget(), read.measured(), read.around(), read.verdict())
	}
	fmt.Fprintln(t, "\nmeasurement\tsubject\tCPU s/10k\treq/s\tp50 ms\tp99 ms\tpeak MB\t")
	for _, s := range r.Scenes {
		for _, name := range s.Subjects {
			fmt.Fprintf(t, "%s\t%s\t%s\t\n", s.Title, name, strings.Join(s.cost(name), "\t"))
		}
	}
	return t.Flush()
}

// markdown is the same for the documentation.
func (r *report) markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s, commit %s, %s, %d cores, %s, %s.\n\n", r.Date.Format("2006-01-02 15:04"), r.Commit, r.Machine.CPU, r.Machine.Cores,
		r.Version["go"], r.Version["nginx"])
	b.WriteString("| row | what | case | budget | measured (least..most) | verdict |\n|---|---|---|---|---|---|\n")
	for _, read := range r.Readings {
		measured := read.measured()
		if read.around() != "" {
			measured += " (" + read.around() + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", read.Row, read.What, read.Case, read.budget(), measured, oneLine(read.verdict()))
	}
	b.WriteString("\n| measurement | subject | CPU s per 10,000 | req/s | p50 ms | p99 ms | peak MB |\n|---|---|---|---|---|---|---|\n")
	for _, s := range r.Scenes {
		for _, name := range s.Subjects {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", s.Title, name, strings.Join(s.cost(name), " | "))
		}
	}
	return b.Bytes()
}

func oneLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.ReplaceAll(line, "|", "/")
}

// cost is the row of a subject in the second table.
func (s scene) cost(name string) []string {
	if len(s.Samples[name]) == 0 {
		return slices.Repeat([]string{"-"}, 5)
	}
	median := func(figure func(sample) float64) string { return number(measure.Of(s.Samples.of(name, figure)).Median) }
	rate := func(x sample) float64 { return x.PerSecond }
	return []string{median(cpu), median(rate), median(p50), median(p99), median(peak)}
}

func (r reading) budget() string {
	if r.Missing != "" && r.Must == 0 {
		return "-"
	}
	text := "<= " + number(r.Must) + unit(r.Unit)
	if r.Goal > 0 {
		text += " (" + number(r.Goal) + ")"
	}
	return text
}

func (r reading) measured() string {
	if r.Missing != "" {
		return "-"
	}
	return number(r.Value.Median) + unit(r.Unit)
}

func (r reading) around() string {
	if r.Missing != "" || r.Value.Rounds < 2 {
		return ""
	}
	return number(r.Value.Least) + ".." + number(r.Value.Most)
}

func unit(u string) string {
	if u == "" {
		return ""
	}
	return " " + u
}

// number has three digits that matter.
func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 1000 || v <= -1000:
		return fmt.Sprintf("%.0f", v)
	case v < 0.001 && v > -0.001:
		return fmt.Sprintf("%.2g", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// figures of a reading that was taken once.
func once(v float64) measure.Spread { return measure.Of([]float64{v}) }
