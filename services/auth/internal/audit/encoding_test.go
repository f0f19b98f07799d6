package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// The canonical form is that of encoding/json, member by member, whatever an entry holds; and what was written is read back.
func FuzzBody(f *testing.F) {
	f.Add("id", "torii.users.list", "01-a", `{"limit": 9007199254740993, "q": "<b>"}`, int64(1793491200123456), int32(200), int32(3))
	f.Add("", "\"quoted\\\" <&>", "\x00\x1f\x7f\n\t\b", "", int64(0), int32(0), int32(0))
	f.Add("\u2028\u2029é", "\xff\xfe", "😀", `["`+"\u2028"+`"]`, int64(-1), int32(-1), int32(-1))
	f.Fuzz(func(t *testing.T, id, action, account, arguments string, at int64, status, took int32) {
		for _, text := range []*string{&id, &action, &account} {
			*text = strings.ToValidUTF8(*text, "") // as of every protobuf string
		}
		e := &authv1.LogEntry{
			Id: id, EnvironmentId: "env", LogType: "mcp", Phase: "outcome", Action: action, ActorKind: account, ActorId: id, RequestId: action,
			Status: &status, CreatedAt: timestamppb.New(time.UnixMicro(at % (1 << 52))), ToolName: &action, Client: &account,
		}
		if account != "" {
			e.IntegratedAccountId, e.McpServerId, e.Code, e.TraceId, e.IntentId, e.ArgumentsDigest = &account, &id, &account, &action, &id, &action
		}
		if took != 0 {
			e.DurationMs, e.UpstreamStatus = &took, &took
		}
		if json.Valid([]byte(arguments)) {
			e.Arguments = &rpcv1.RawJson{Json: []byte(arguments)}
		}
		got, err := appendBody(nil, e, 7)
		if err != nil {
			t.Fatal(err)
		}
		var b Body
		if err := json.Unmarshal(got, &b); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), string(got)+"\n"); diff != "" {
			t.Errorf("encoding/json (-) and appendBody (+):\n%s", diff)
		}
		row, err := link(e, store.ChainHead{Sequence: 6, Hash: []byte("previous")})
		if err != nil || !bytes.Equal(row.Body, got) || !bytes.Equal(row.Hash, Hash([]byte("previous"), got)) {
			t.Errorf("linked: %s with the hash %x, %v", row.Body, row.Hash, err)
		}
		read, err := Entry(store.LogEntry{Body: got})
		if err != nil {
			t.Fatal(err)
		}
		again, err := appendBody(nil, read, 7)
		if err != nil || !bytes.Equal(got, again) {
			t.Errorf("read and written again: %s, %v, want %s", again, err, got)
		}
	})
}

func TestTimesHaveMicroseconds(t *testing.T) {
	for _, at := range []time.Time{
		time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), time.Date(2026, 11, 23, 9, 0, 0, 1999, time.UTC),
		time.Date(1, 1, 1, 0, 0, 0, 123456789, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.FixedZone("", 3600)),
	} {
		w := members{b: []byte("{")}
		w.time("at", at)
		if got, want := string(w.b), `{"at":"`+at.UTC().Format(timeFormat)+`"`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
