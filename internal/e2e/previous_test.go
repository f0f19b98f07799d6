package e2e

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// beforeRelease is a migration that came when nothing was released yet: the state before it stands for the previous version until a tag does.
const beforeRelease = "services/auth/internal/store/sqlstore/migrations/postgres/00004_key_checks.sql"

// previous builds the programs of the previous version, once for all tests, and answers their folder and the version.
func previous(t *testing.T) (programs, version string) {
	t.Helper()
	built := buildPrevious()
	if built.err != nil {
		t.Fatalf("the previous version: %v", built.err)
	}
	return built.programs, built.version
}

type build struct {
	programs, version string
	err               error
}

var buildPrevious = sync.OnceValue(func() build {
	version, err := previousVersion()
	if err != nil {
		return build{err: err}
	}
	// What is built stays beside the binaries of this version: it never changes.
	programs, err := filepath.Abs(filepath.Join("../../bin/previous", version))
	if err != nil {
		return build{err: err}
	}
	if _, err := os.Stat(programs); err == nil {
		return build{programs: programs, version: version}
	}
	return build{programs: programs, version: version, err: buildVersion(version, programs)}
})

// previousVersion is the commit of the newest release before this commit, or of what stands for one.
func previousVersion() (string, error) {
	const fetch = "this test needs the history and the tags: git fetch --unshallow --tags"
	if tag, err := git("describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^"); err == nil {
		return git("rev-parse", "--short=12", tag+"^{commit}")
	}
	added, err := git("log", "-1", "--diff-filter=A", "--format=%H", "--", beforeRelease)
	if err != nil || added == "" {
		return "", errors.Join(errors.New("nothing in the history added "+beforeRelease+"; "+fetch), err)
	}
	version, err := git("rev-parse", "--short=12", added+"^")
	if err != nil {
		return "", errors.Join(errors.New("the history begins at "+added+"; "+fetch), err)
	}
	return version, nil
}

// buildVersion builds the services and the operator's CLI of a commit as the Makefile does.
func buildVersion(version, programs string) error {
	source, err := os.MkdirTemp("", "sando-previous-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(source)
	archive := filepath.Join(source, "source.tar")
	if _, err := git("archive", "--output", archive, version); err != nil {
		return err
	}
	if _, err := output(source, "tar", "-xf", archive); err != nil {
		return err
	}
	// Half a build must not be taken for a whole one.
	partial := programs + "-partial"
	if err := os.MkdirAll(partial, 0o755); err != nil {
		return err
	}
	build := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", partial, "./cmd/sando"}
	for _, service := range theFour() {
		build = append(build, "./services/"+service+"/cmd/"+service+"d")
	}
	if _, err := output(source, "go", build...); err != nil {
		return err
	}
	return os.Rename(partial, programs)
}

// git runs git in the root of the repository.
func git(args ...string) (string, error) { return output("../..", "git", args...) }

// output runs a command to its end and answers what it printed.
func output(dir, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", errors.Join(errors.New(cmd.String()+": "+strings.TrimSpace(complaint.String())), err)
	}
	return strings.TrimSpace(string(out)), nil
}
