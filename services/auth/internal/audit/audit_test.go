package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/auth/internal/audit"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/store/sqlstore"
)

var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// log is a chain in a store.
type log struct {
	t      *testing.T
	store  store.Store
	signer *audit.Signer
	key    sealed.Key
}

func newLog(t *testing.T, entries int) *log {
	t.Helper()
	s, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "auth.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	l := &log{t: t, store: s, key: sealed.Generate()}
	if l.signer, err = audit.NewSigner([]sealed.Key{l.key}); err != nil {
		t.Fatal(err)
	}
	l.update(func(ctx context.Context, w store.Writer) error {
		return w.InsertEnvironment(ctx, store.Environment{ID: "env", CreatedAt: start, UpdatedAt: start})
	})
	for i := range entries {
		l.append(i)
	}
	return l
}

func (l *log) update(f func(context.Context, store.Writer) error) {
	l.t.Helper()
	ctx := l.t.Context()
	if err := l.store.Update(ctx, func(w store.Writer) error { return f(ctx, w) }); err != nil {
		l.t.Fatal(err)
	}
}

// append records an entry one hour after the one before it.
func (l *log) append(i int) {
	l.t.Helper()
	l.update(func(ctx context.Context, w store.Writer) error {
		return audit.Record(ctx, w, start.Add(time.Duration(i)*time.Hour), &authv1.LogEntry{
			Id: fmt.Sprint("id", i), EnvironmentId: "env", LogType: "mcp", Phase: "outcome", Action: fmt.Sprint("act ", i), Status: new(int32(200)),
			Arguments: &rpcv1.RawJson{Json: []byte(`{"q":"<b>&` + "\u2028" + `","n":9007199254740993}`)},
		})
	})
}

func (l *log) export() string {
	l.t.Helper()
	var out bytes.Buffer
	if err := audit.Export(l.t.Context(), l.store, l.signer, "env", start, &out); err != nil {
		l.t.Fatal(err)
	}
	return out.String()
}

func (l *log) checkpoint() {
	l.t.Helper()
	if err := audit.Keep(l.t.Context(), l.store, l.signer, "env", start); err != nil {
		l.t.Fatal(err)
	}
}

func verify(text string) (audit.Report, error) { return audit.Verify(strings.NewReader(text), nil) }

func TestExportVerifies(t *testing.T) {
	l := newLog(t, 3)
	l.checkpoint()
	l.checkpoint() // nothing new: no second one
	l.append(3)
	got, err := verify(l.export())
	if err != nil {
		t.Fatal(err)
	}
	if got.First != 1 || got.Last != 4 || got.Entries != 4 || got.Checkpoints != 2 || got.Pruned || !got.TrustFile {
		t.Errorf("report: %+v", got)
	}
}

func TestEmptyLogVerifies(t *testing.T) {
	if got, err := verify(newLog(t, 0).export()); err != nil || got.Entries != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// No byte of an export can be changed, and no line dropped, moved or doubled.
func TestTamperingShows(t *testing.T) {
	l := newLog(t, 4)
	l.checkpoint()
	l.append(4)
	good := l.export()
	if _, err := verify(good); err != nil {
		t.Fatal(err)
	}
	first := strings.IndexByte(good, '\n') + 1
	for i := first; i < len(good); i++ {
		if good[i] == '\n' {
			continue
		}
		for _, flip := range []byte{0x01, 0x02, 0x10} {
			bad := []byte(good)
			bad[i] ^= flip
			if _, err := verify(string(bad)); err == nil {
				t.Fatalf("byte %d became %q and nobody noticed: %s", i, bad[i], bad[max(0, i-20):min(len(bad), i+20)])
			}
		}
	}
	lines := strings.SplitAfter(strings.TrimSuffix(good, "\n"), "\n")
	lines[len(lines)-1] += "\n"
	for i := 1; i < len(lines); i++ {
		without := strings.Join(lines[:i], "") + strings.Join(lines[i+1:], "")
		if _, err := verify(without); err == nil && !strings.Contains(lines[i], "checkpoint") {
			t.Errorf("line %d was dropped and nobody noticed", i+1)
		}
		for j := i + 1; j < len(lines); j++ {
			swapped := append([]string(nil), lines...)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			if _, err := verify(strings.Join(swapped, "")); err == nil {
				t.Errorf("lines %d and %d were swapped and nobody noticed", i+1, j+1)
			}
		}
	}
	for cut := range len(lines) - 1 {
		if _, err := verify(strings.Join(lines[:cut], "")); err == nil && (cut == 0 || !strings.Contains(lines[cut-1], "checkpoint")) {
			t.Errorf("the file was cut after line %d and nobody noticed", cut)
		}
	}
}

// Nothing can be put into a line beside what is vouched for, where another reader of the file would find it.
func TestAddingToALineShows(t *testing.T) {
	l := newLog(t, 2)
	l.checkpoint()
	good := l.export()
	lines := strings.SplitAfter(good, "\n")
	forged := `{"sequence":9,"environment_id":"env","action":"forged"}`
	for name, change := range map[string]func(string) string{
		"an entry beside a checkpoint": func(s string) string {
			return strings.Replace(s, `{"checkpoint"`, `{"entry":`+forged+`,"checkpoint"`, 1)
		},
		"an entry before the entry":         func(s string) string { return strings.Replace(s, `{"entry"`, `{"entry":`+forged+`,"entry"`, 1) },
		"an entry by a name in capitals":    func(s string) string { return strings.Replace(s, `{"entry"`, `{"ENTRY":`+forged+`,"entry"`, 1) },
		"a member that means nothing":       func(s string) string { return strings.Replace(s, `{"`, `{"note":"forged","`, 1) },
		"a checkpoint beside an entry":      func(s string) string { return strings.Replace(s, `,"hash"`, `,"checkpoint":"forged","hash"`, 1) },
		"white space, to be on safe ground": func(s string) string { return strings.Replace(s, `{"`, `{ "`, 1) },
	} {
		changed := 0
		for i, line := range lines {
			with := change(line)
			if with == line {
				continue
			}
			changed++
			bad := strings.Join(lines[:i], "") + with + strings.Join(lines[i+1:], "")
			if _, err := verify(bad); err == nil {
				t.Errorf("%s: nobody noticed: %s", name, with)
			}
		}
		if changed == 0 {
			t.Errorf("%s: nothing was changed", name)
		}
	}
}

// Somebody who can write the store but lacks the key rewrites the whole chain; an older checkpoint shows it.
func TestRewritingTheChainShows(t *testing.T) {
	l := newLog(t, 3)
	l.checkpoint()
	old := l.export()
	forged := newLog(t, 3)
	forged.append(99)
	lines := strings.SplitAfter(forged.export(), "\n")
	original := strings.SplitAfter(old, "\n")
	// The forged entries under the original header and checkpoints.
	mixed := original[0] + strings.Join(lines[1:4], "") + original[4] + original[5]
	if got, err := verify(mixed); err != nil {
		// entries 1 to 3 are the same in both, so this much must be fine
		t.Fatalf("%+v, %v", got, err)
	}
	other, err := audit.NewSigner([]sealed.Key{sealed.Generate()})
	if err != nil {
		t.Fatal(err)
	}
	var resigned bytes.Buffer
	if err := audit.Export(t.Context(), forged.store, other, "env", start, &resigned); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(resigned.String()); err != nil {
		t.Fatalf("by its own keys the file is whole: %v", err)
	}
	keys := strings.TrimSuffix(original[0], "\n")
	trusted := keys[strings.Index(keys, `"keys":`)+len(`"keys":`) : len(keys)-1]
	if _, err := audit.Verify(&resigned, []byte(trusted)); err == nil {
		t.Error("a chain signed by a strange key passed against the trusted keys")
	}
	if _, err := audit.Verify(strings.NewReader(old), []byte(trusted)); err != nil {
		t.Errorf("the true export against the trusted keys: %v", err)
	}
}

func TestRetentionKeepsTheChainVerifiable(t *testing.T) {
	l := newLog(t, 10)
	l.checkpoint()
	e := store.Environment{ID: "env", LogRetention: 4 * time.Hour}
	if err := audit.Prune(t.Context(), l.store, l.signer, e, start.Add(10*time.Hour)); err != nil {
		t.Fatal(err)
	}
	l.append(10)
	text := l.export()
	got, err := verify(text)
	if err != nil {
		t.Fatal(err)
	}
	if got.First != 7 || got.Last != 11 || !got.Pruned {
		t.Errorf("report: %+v", got)
	}
	lines := strings.SplitAfter(text, "\n")
	if _, err := verify(lines[0] + strings.Join(lines[2:], "")); err == nil {
		t.Error("without the checkpoint about what was removed it still passes")
	}
	// Nothing left at all is fine too.
	if err := audit.Prune(t.Context(), l.store, l.signer, e, start.Add(1000*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, err = verify(l.export()); err != nil || got.Entries != 0 || got.First != 12 {
		t.Errorf("all removed: %+v, %v", got, err)
	}
}

// Entries that come many at a time are chained, exported and removed one by one like others, and what comes twice is kept once.
func TestManyAtOnce(t *testing.T) {
	l := newLog(t, 1)
	batch := func(from, to int) []*authv1.LogEntry {
		var entries []*authv1.LogEntry
		for i := from; i < to; i++ {
			entries = append(entries, &authv1.LogEntry{
				Id: fmt.Sprintf("many-%04d", i), EnvironmentId: "env", LogType: "unified_proxy_api", Phase: "outcome", Action: "read", Status: new(int32(200)),
				CreatedAt: timestamppb.New(start.Add(time.Duration(i) * time.Hour)),
			})
		}
		return entries
	}
	appender := audit.NewAppender(l.store, func() time.Time { return start })
	for _, b := range [][]*authv1.LogEntry{batch(1, 700), batch(1, 700), batch(600, 702), batch(5, 6), batch(700, 720)} {
		ids, err := appender.Append(t.Context(), b)
		if err != nil || len(ids) != len(b) || ids[0] != b[0].GetId() {
			t.Fatalf("%d ids of %d, %v", len(ids), len(b), err)
		}
	}
	l.checkpoint()
	text := l.export()
	if got, err := verify(text); err != nil || got.Last != 720 || got.Entries != 720 {
		t.Fatalf("report: %+v, %v", got, err)
	}
	if _, err := verify(strings.Replace(text, `"many-0300"`, `"many-0301"`, 1)); err == nil {
		t.Error("an entry in the middle was changed and nobody noticed")
	}
	e := store.Environment{ID: "env", LogRetention: 20 * time.Hour}
	if err := audit.Prune(t.Context(), l.store, l.signer, e, start.Add(320*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, err := verify(l.export()); err != nil || got.First != 301 || got.Last != 720 || got.Entries != 420 || !got.Pruned {
		t.Errorf("after pruning: %+v, %v", got, err)
	}
}

// A signing key may be retired once its checkpoints were signed anew.
func TestSigningKeysCanBeRetired(t *testing.T) {
	l := newLog(t, 6)
	l.checkpoint()
	e := store.Environment{ID: "env", LogRetention: time.Hour}
	if err := audit.Prune(t.Context(), l.store, l.signer, e, start.Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	fresh := sealed.Generate()
	alone, err := audit.NewSigner([]sealed.Key{fresh})
	if err != nil {
		t.Fatal(err)
	}
	both, err := audit.NewSigner([]sealed.Key{fresh, l.key})
	if err != nil {
		t.Fatal(err)
	}
	l.signer = alone
	if _, err := verify(l.export()); err == nil || !strings.Contains(err.Error(), l.key.ID) {
		t.Errorf("retired too early: %v, want the key's id", err)
	}
	if err := audit.Renew(t.Context(), l.store, both, "env", start); err != nil {
		t.Fatal(err)
	}
	if got, err := verify(l.export()); err != nil || !got.Pruned || got.Checkpoints < 3 {
		t.Errorf("retired after renewing: %+v, %v", got, err)
	}
}
