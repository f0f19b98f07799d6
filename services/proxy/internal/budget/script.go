package budget

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/common.lua
	commonText string
	//go:embed lua/lease.lua
	leaseText string
	//go:embed lua/report.lua
	reportText string
	//go:embed lua/use.lua
	useText string
	//go:embed lua/check.lua
	checkText string
)

// scripts runs on the server what must happen there at once.
type scripts struct {
	client                    *redis.Client
	lease, report, use, check *redis.Script
	server                    string // key of the server's record
	prefix                    string // of the windows' keys
	timeout                   time.Duration
}

func newScripts(client *redis.Client, prefix string, timeout time.Duration) *scripts {
	return &scripts{
		client: client,
		lease:  redis.NewScript(commonText + leaseText),
		report: redis.NewScript(commonText + reportText),
		use:    redis.NewScript(commonText + useText),
		check:  redis.NewScript(commonText + checkText),
		server: prefix + "server", prefix: prefix + "window:", timeout: timeout,
	}
}

// window is the key of k's window.
func (s *scripts) window(k Key) string {
	return s.prefix + k.Origin + "|" + k.Organization + "|" + k.Operation
}

// run runs a script and gives its answer as numbers; a text in it is left for
// text.
func (s *scripts) run(script *redis.Script, keys []string, args ...any) ([]any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	answer, err := script.Run(ctx, s.client, keys, args...).Slice()
	if err != nil {
		return nil, err
	}
	if len(answer) == 0 {
		return nil, errAnswer
	}
	return answer, nil
}

// errAnswer: the server says what no script of ours says.
var errAnswer = errors.New("budget: unexpected answer of a script")

// ints reads an answer of integers.
func ints(answer []any) ([]int64, error) {
	out := make([]int64, len(answer))
	for i, v := range answer {
		n, ok := v.(int64)
		if !ok {
			return nil, errAnswer
		}
		out[i] = n
	}
	return out, nil
}

func flag(set bool) int {
	if set {
		return 1
	}
	return 0
}

func micros(d time.Duration) int64 { return int64(d / time.Microsecond) }

func duration(micros int64) time.Duration { return time.Duration(micros) * time.Microsecond }

// tell reports to the server's record. Hold is for how long the replica may
// spend its own share; 0 when it does not.
func (s *scripts) tell(id string, replicas int, length, hold time.Duration) (generation string, over bool, err error) {
	answer, err := s.run(s.report, []string{s.server}, id, replicas, micros(length), micros(hold))
	if err != nil {
		return "", false, err
	}
	if len(answer) != 2 {
		return "", false, errAnswer
	}
	generation, ok := answer[0].(string)
	flag, ok2 := answer[1].(int64)
	if !ok || !ok2 {
		return "", false, errAnswer
	}
	return generation, flag == 1, nil
}

// present gives the server's generation.
func (s *scripts) present() (string, error) {
	answer, err := s.run(s.check, []string{s.server})
	if err != nil {
		return "", err
	}
	generation, ok := answer[0].(string)
	if !ok {
		return "", errAnswer
	}
	return generation, nil
}

// spent are calls made some time ago.
type spent struct {
	ago time.Duration
	n   int
}

// note is what a replica tells of a window.
type note struct {
	spent           []spent
	penalty, spaced time.Duration
}

func (n note) empty() bool { return len(n.spent) == 0 && n.penalty == 0 && n.spaced == 0 }

// tellUse adds a note to a window; false when the server is of another
// generation.
func (s *scripts) tellUse(window, generation string, bucket, length time.Duration, n note) (bool, error) {
	args := []any{generation, micros(bucket), micros(length), micros(n.penalty), micros(n.spaced)}
	for _, u := range n.spent {
		args = append(args, micros(u.ago), u.n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	taken, err := s.use.Run(ctx, s.client, []string{s.server, window}, args...).Int()
	return taken == 1, err
}

// An asking is the question for a lease.
type asking struct {
	generation, replica string
	limit, need, ahead  int
	bucket              time.Duration
	plenty              int          // buckets
	alone               bool         // one caller has the replica to itself
	back                []unusedPart // what comes back
}

type unusedPart struct {
	bucket int64 // by the server's clock
	n      int
}

// A granted lease is the server's answer.
type granted struct {
	calls   int
	good    time.Duration // from when the question was asked
	bucket  int64         // in which they count
	wait    time.Duration // until there may be more
	gap     time.Duration // between spaced calls
	penalty time.Duration
	used    int
	old     []forgotten // what counts now
}

// forgotten are calls that count until some time has passed.
type forgotten struct {
	in time.Duration
	n  int
}

// Reasons why there is no lease although the server answers.
var (
	errGeneration = errors.New("budget: the server has begun a new generation")
	errOthersLast = errors.New("budget: another replica still spends its own share")
)

func (s *scripts) ask(window string, a asking) (*granted, error) {
	args := []any{a.generation, a.replica, a.limit, a.need, a.ahead, micros(a.bucket), span, a.plenty, flag(a.alone)}
	for _, u := range a.back {
		args = append(args, u.bucket, u.n)
	}
	answer, err := s.run(s.lease, []string{s.server, window}, args...)
	if err != nil {
		return nil, err
	}
	v, err := ints(answer)
	if err != nil {
		return nil, err
	}
	switch {
	case v[0] == 0:
		return nil, errGeneration
	case v[0] == 1:
		return nil, errOthersLast
	case len(v) < 8:
		return nil, errAnswer
	}
	g := &granted{
		calls: int(v[1]), good: duration(v[2]), bucket: v[3], wait: duration(v[4]),
		gap: duration(v[5]), penalty: duration(v[6]), used: int(v[7]),
	}
	for rest := v[8:]; len(rest) >= 2; rest = rest[2:] {
		g.old = append(g.old, forgotten{duration(rest[0]), int(rest[1])})
	}
	return g, nil
}
