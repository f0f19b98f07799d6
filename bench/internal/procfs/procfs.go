// Package procfs reads from Linux what a process and its children have used: CPU time and memory.
package procfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// Usage is what a tree of processes has used.
type Usage struct {
	// CPU is user and system time since each process began, ended and awaited children included.
	CPU time.Duration
	// Peak is the sum of the high-water marks of resident memory, in bytes, since the start or the last ResetPeak.
	Peak int64
	// Resident is the resident memory now, in bytes.
	Resident int64
}

// Read sums up a process and all its living descendants.
func Read(pid int) (Usage, error) {
	tree, err := family("/proc", pid)
	if err != nil {
		return Usage{}, err
	}
	var sum Usage
	for i, member := range tree {
		u, err := one("/proc", member)
		if i > 0 && errors.Is(err, os.ErrNotExist) {
			continue // a child that has just ended: its parent's figures have it
		}
		if err != nil {
			return Usage{}, err
		}
		sum.CPU += u.CPU
		sum.Peak += u.Peak
		sum.Resident += u.Resident
	}
	return sum, nil
}

// ResetPeak starts the high-water marks of a process and its descendants anew, as far as the system lets it: sando's programs allow that to root
// alone, because they keep their memory from other processes of the same user.
func ResetPeak(pid int) error {
	tree, err := family("/proc", pid)
	if err != nil {
		return err
	}
	for _, member := range tree {
		// 5 resets VmHWM; see proc_pid_clear_refs(5).
		if err := os.WriteFile(filepath.Join("/proc", strconv.Itoa(member), "clear_refs"), []byte("5"), 0); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

func one(root string, pid int) (Usage, error) {
	dir := filepath.Join(root, strconv.Itoa(pid))
	text, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Usage{}, err
	}
	s, err := parseStat(string(text))
	if err != nil {
		return Usage{}, fmt.Errorf("%s/stat: %w", dir, err)
	}
	if text, err = os.ReadFile(filepath.Join(dir, "status")); err != nil {
		return Usage{}, err
	}
	u := Usage{CPU: s.cpu}
	u.Peak, u.Resident = parseStatus(string(text))
	return u, nil
}

// family lists a process and its descendants, the process first.
func family(root string, pid int) ([]int, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	children := make(map[int][]int)
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, e.Name(), "stat"))
		if err != nil {
			continue // ended meanwhile
		}
		if s, err := parseStat(string(text)); err == nil {
			children[s.parent] = append(children[s.parent], child)
		}
	}
	tree := []int{pid}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i]]...)
	}
	return tree, nil
}

type stat struct {
	parent int
	cpu    time.Duration
}

// parseStat reads /proc/<pid>/stat (proc_pid_stat(5)). The command in parentheses may hold spaces and parentheses itself.
func parseStat(text string) (stat, error) {
	end := strings.LastIndexByte(text, ')')
	if end < 0 {
		return stat{}, errors.New("no command in parentheses")
	}
	// Behind the command: state (3), ppid (4), ..., utime (14), stime (15), cutime (16), cstime (17).
	fields := strings.Fields(text[end+1:])
	if len(fields) < 15 {
		return stat{}, fmt.Errorf("%d fields behind the command, want 15 or more", len(fields))
	}
	var s stat
	var err error
	if s.parent, err = strconv.Atoi(fields[1]); err != nil {
		return stat{}, fmt.Errorf("ppid: %w", err)
	}
	for _, field := range fields[11:15] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return stat{}, fmt.Errorf("CPU time: %w", err)
		}
		s.cpu += time.Duration(n) * tick
	}
	return s, nil
}

// parseStatus reads VmHWM and VmRSS, which are 0 for processes without memory of their own, such as zombies.
func parseStatus(text string) (peak, resident int64) {
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "VmHWM":
			peak = kilobytes(value)
		case "VmRSS":
			resident = kilobytes(value)
		}
	}
	return peak, resident
}

func kilobytes(value string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}
