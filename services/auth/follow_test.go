package auth_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/gen/sando/auth/v1/authv1connect"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/kittest/pgtest"
	"github.com/sando-dev/sando/services/auth"
)

// follower asks for what comes after a cursor; an empty one starts.
type follower func(cursor string) (ids []string, next string)

// TestE3FollowTheLog: whoever goes on with next_cursor while replicas record at once, late and early entries, alone and in batches, gets every entry once.
func TestE3FollowTheLog(t *testing.T) {
	t.Run("three replicas on PostgreSQL", func(t *testing.T) {
		cfg := newConfig(t)
		cfg.Store.URL = config.Secret(pgtest.Start(t).Database(t, ""))
		if err := auth.Migrate(t.Context(), cfg.Store); err != nil {
			t.Fatal(err)
		}
		one, two, three := startWith(t, cfg), startWith(t, cfg), startWith(t, cfg)
		two.environment, three.environment, three.token = one.environment, one.environment, one.token
		followed(t, []*world{one, two}, three.followREST(""), three.followRPC(nil), three.followREST("&log_type=mcp"))
	})
	t.Run("SQLite", func(t *testing.T) {
		w := start(t)
		followed(t, []*world{w}, w.followREST(""), w.followRPC(text("mcp")))
	})
}

// followed has every follower read while the writers record.
func followed(t *testing.T, writers []*world, followers ...follower) {
	t.Helper()
	const batches, step = 25, time.Millisecond
	var writing, reading sync.WaitGroup
	want := make(map[string]bool)
	for n, w := range writers {
		for i := range batches {
			for j := range size(i) {
				want[fmt.Sprintf("%d-%d-%d", n, i, j)] = true
			}
		}
		writing.Go(func() {
			log := internalauthv1connect.NewAuditServiceClient(w.internal)
			for i := range batches {
				var batch []*authv1.LogEntry
				for j := range size(i) {
					batch = append(batch, &authv1.LogEntry{
						Id: fmt.Sprintf("%d-%d-%d", n, i, j), EnvironmentId: w.environment, LogType: "mcp", Phase: "outcome", Action: "torii.users.list",
						// Some are recorded long after they happened.
						ActorKind: "mcp", ActorId: "m1", Status: new(int32(200)), CreatedAt: timestamppb.New(w.clock.Now().Add(-time.Duration(j%3) * 20 * time.Second).Add(time.Duration(i) * step)),
					})
				}
				if _, err := log.AppendAudit(t.Context(), &iv1.AppendAuditRequest{Entries: batch}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	for n, follow := range followers {
		reading.Go(func() {
			seen := make(map[string]int)
			for cursor, last := "", false; ; {
				ids, next := follow(cursor)
				for _, id := range ids {
					seen[id]++
				}
				if cursor = next; cursor == "" {
					t.Errorf("follower %d: the cursor ended", n)
					return
				}
				if len(ids) > 0 {
					continue
				}
				if last {
					break
				}
				select {
				case <-done:
					last = true // what was recorded before is read once more
				default:
				}
			}
			lost := 0
			for id := range want {
				if seen[id] == 0 {
					lost++
				}
			}
			for id, times := range seen {
				if times > 1 {
					t.Errorf("follower %d: entry %s came %d times", n, id, times)
				}
			}
			if lost > 0 {
				t.Errorf("follower %d: %d of %d entries were lost", n, lost, len(want))
			}
		})
	}
	reading.Wait()
}

// size is how many entries a batch has: some are stored in rows and some in blocks.
func size(batch int) int { return 1 + batch%4*5 }

func (w *world) followREST(filter string) follower {
	return func(cursor string) (ids []string, next string) {
		path := "/log?order=asc&limit=9" + filter
		if cursor != "" {
			path += "&next_cursor=" + cursor
		}
		page := w.call(w.token, "GET", path, "")
		if page.status != 200 {
			w.t.Errorf("%s: %d %s", path, page.status, page.raw)
			return nil, ""
		}
		for _, row := range page.list() {
			ids = append(ids, row["id"].(string))
		}
		next, _ = page.body["next_cursor"].(string)
		return ids, next
	}
}

func (w *world) followRPC(logType *string) follower {
	log := authv1connect.NewLogServiceClient(connect.NewClient(connectinprocess.New(w.service.PublicServer()), access.BearerOut()))
	ctx := access.WithCaller(w.t.Context(), &access.Caller{Bearer: w.token})
	return func(cursor string) (ids []string, next string) {
		r := &authv1.ListLogEntriesRequest{LogType: logType, Order: text("asc"), Limit: new(int32(9))}
		if cursor != "" {
			r.NextCursor = &cursor
		}
		page, err := log.ListLogEntries(ctx, r)
		if err != nil {
			w.t.Error(err)
			return nil, ""
		}
		for _, row := range page.GetResult() {
			ids = append(ids, row.GetId())
		}
		return ids, page.GetNextCursor()
	}
}

// TestE3OrderAndStart: the order is as documented, and a follower may begin anywhere, with or without a cursor.
func TestE3OrderAndStart(t *testing.T) {
	w := start(t)
	log := internalauthv1connect.NewAuditServiceClient(w.internal)
	for i, ago := range []time.Duration{0, time.Hour, time.Minute} { // recorded in another order than they happened
		_, err := log.AppendAudit(t.Context(), &iv1.AppendAuditRequest{Entries: []*authv1.LogEntry{{
			Id: fmt.Sprint("e", i), EnvironmentId: w.environment, LogType: "mcp", Phase: "outcome", Action: "a", Status: new(int32(200)),
			CreatedAt: timestamppb.New(w.clock.Now().Add(-ago)),
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	newest := w.call(w.token, "GET", "/log", "").want(200).list()
	first, err := strconv.ParseInt(fmt.Sprint(newest[0]["sequence"]), 10, 64)
	if err != nil || first < int64(len(newest)) {
		t.Fatalf("the newest has the sequence %v", newest[0]["sequence"])
	}
	for i, row := range newest {
		if fmt.Sprint(row["sequence"]) != strconv.FormatInt(first-int64(i), 10) {
			t.Errorf("entry %d has the sequence %v", i, row["sequence"])
		}
	}
	for path, want := range map[string]string{
		fmt.Sprintf("/log?order=asc&after_sequence=%d", first-3):                "[e0 e1 e2]",
		fmt.Sprintf("/log?order=asc&after_sequence=%d", first-1):                "[e2]",
		fmt.Sprintf("/log?order=asc&after_sequence=%d", first):                  "[]",
		fmt.Sprintf("/log?order=asc&after_sequence=%d", first+1000):             "[]",
		fmt.Sprintf("/log?after_sequence=%d", first-2):                          "[e2 e1]",
		fmt.Sprintf("/log?order=desc&log_type=mcp&after_sequence=%d", 0):        "[e2 e1 e0]",
		fmt.Sprintf("/log?order=asc&log_type=mcp&limit=2&after_sequence=%d", 0): "[e0 e1]",
	} {
		page := w.call(w.token, "GET", path, "").want(200)
		ids := make([]string, 0)
		for _, row := range page.list() {
			ids = append(ids, row["id"].(string))
		}
		if fmt.Sprint(ids) != want {
			t.Errorf("%s: %v, want %s", path, ids, want)
		}
	}
	// The cursor of an empty page goes on with what is recorded next.
	ids, next := w.followREST("&after_sequence=" + strconv.FormatInt(first, 10))("")
	w.call(w.token, "POST", "/api-token", `{}`).want(200)
	more, _ := w.followREST("&after_sequence=" + strconv.FormatInt(first, 10))(next)
	if len(ids) != 0 || len(more) != 1 {
		t.Errorf("before the act %v, after it %v", ids, more)
	}
	for _, bad := range []string{"order=newest", "order=", "after_sequence=-1", "after_sequence=x", "after_sequence=9223372036854775808", "after_sequence=1.5"} {
		w.call(w.token, "GET", "/log?"+bad, "").want(400, "VALIDATION_FAILED")
	}
	w.call(w.token, "GET", "/log?order=desc&next_cursor="+next, "").want(400, "CURSOR_INVALID")
}
