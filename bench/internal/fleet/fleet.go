// Package fleet starts the processes of a measurement, waits until they answer, and ends every one of them.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sando-dev/sando/bench/internal/procfs"
)

// patience is how long a process may take to answer after its start, and to end after SIGTERM.
const patience = 20 * time.Second

// A Fleet owns processes and a folder for their files.
type Fleet struct {
	// Dir is removed by Close.
	Dir       string
	processes []*Process
}

// New makes an empty fleet.
func New() (*Fleet, error) {
	dir, err := os.MkdirTemp("", "sando-bench-")
	if err != nil {
		return nil, err
	}
	return &Fleet{Dir: dir}, nil
}

// A Process is a running program.
type Process struct {
	Name   string
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
}

// A Program is what to start.
type Program struct {
	// Name is for messages and file names; it is unique in a fleet.
	Name string
	Path string
	Args []string
	// Env is added to PATH and HOME, which is all that a program gets of ours.
	Env []string
	Dir string
}

// Start starts a program, whose output goes to a file.
func (f *Fleet) Start(p Program) (*Process, error) {
	name := filepath.Join(f.Dir, p.Name+".log")
	out, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + f.Dir}, p.Env...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.Dir, out, out
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	started := &Process{Name: p.Name, cmd: cmd, log: name, exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is seen by who needed it
		close(started.exited)
	}()
	f.processes = append(f.processes, started)
	return started, nil
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Usage is what the process and its children have used so far.
func (p *Process) Usage() (procfs.Usage, error) {
	u, err := procfs.Read(p.PID())
	if err != nil {
		return u, fmt.Errorf("%s is gone: %w\n%s", p.Name, err, p.tail())
	}
	return u, nil
}

// Await waits until ready is true.
func (p *Process) Await(ctx context.Context, ready func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ready(ctx) {
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended before it was ready:\n%s", p.Name, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", p.Name, ctx.Err(), p.tail())
		case <-tick.C:
		}
	}
	return nil
}

// Listens tells whether somebody accepts connections on an address.
func Listens(addr string) func(context.Context) bool {
	return func(ctx context.Context) bool {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	}
}

// Answers tells whether a URL answers 200.
func Answers(url string) func(context.Context) bool {
	return func(ctx context.Context) bool {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}
}

// Stop ends the process: SIGTERM, then SIGKILL.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
		return nil
	case <-timer.C:
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.exited
	return nil
}

// Close ends all processes, the youngest first, and removes the folder.
func (f *Fleet) Close() error {
	var errs []error
	for i := len(f.processes) - 1; i >= 0; i-- {
		errs = append(errs, f.processes[i].Stop())
	}
	f.processes = nil
	return errors.Join(append(errs, os.RemoveAll(f.Dir))...)
}

// Output is all that the process has printed.
func (p *Process) Output() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// tail is the end of what the process has printed.
func (p *Process) tail() string {
	lines := strings.Split(strings.TrimSpace(p.Output()), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

// FreeAddr is a loopback address that nobody listened on a moment ago.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
