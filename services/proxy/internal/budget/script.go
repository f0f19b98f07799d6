package budget

import (
	"context"
	_ "embed"
	"errors"
	"strings"
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
	//go:embed lua/beat.lua
	beatText string
)

// scripts runs on the server what must happen there at once.
type scripts struct {
	client                   *redis.Client
	lease, report, use, beat *redis.Script
	server                   string // key of the server's record
	contended                string // key of the list of contended windows
	prefix                   string // of the windows' keys
	timeout                  time.Duration
	bucket                   time.Duration
}

func newScripts(client *redis.Client, prefix string, bucket time.Duration) *scripts {
	return &scripts{
		client: client,
		lease:  redis.NewScript(commonText + leaseText),
		report: redis.NewScript(commonText + reportText),
		use:    redis.NewScript(commonText + useText),
		beat:   redis.NewScript(commonText + beatText),
		server: prefix + "server", contended: prefix + "contended", prefix: prefix + "window:",
		timeout: max(timeoutBuckets*bucket, 100*time.Millisecond), bucket: bucket,
	}
}

// window is the key of k's window.
func (s *scripts) window(k Key) string {
	return s.prefix + k.Origin + "|" + k.Organization + "|" + k.Operation
}

// key is what a window is of.
func (s *scripts) key(window string) Key {
	origin, rest, _ := strings.Cut(strings.TrimPrefix(window, s.prefix), "|")
	end := max(0, strings.LastIndexByte(rest, '|'))
	return Key{Origin: origin, Organization: rest[:end], Operation: strings.TrimPrefix(rest[end:], "|")}
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

// A heartbeat is the server's answer to a replica that shows that it is there.
type heartbeat struct {
	generation string
	at         int64 // by the server's clock
	lives      int   // replicas that may have spent free shares of this minute, those that have gone among them
	contended  map[string]time.Duration
}

// heartbeatSince shows that a replica is there, and asks which windows have
// become contended, or will be for longer, since a heartbeat before.
func (s *scripts) heartbeatSince(id string, at int64) (*heartbeat, error) {
	answer, err := s.run(s.beat, []string{s.server, s.contended}, id, at, micros(s.memory()), micros(s.contest()))
	if err != nil {
		return nil, err
	}
	if len(answer) < 3 {
		return nil, errAnswer
	}
	h := &heartbeat{contended: make(map[string]time.Duration)}
	generation, ok1 := answer[0].(string)
	now, ok2 := answer[1].(int64)
	lives, ok3 := answer[2].(int64)
	if !ok1 || !ok2 || !ok3 {
		return nil, errAnswer
	}
	h.generation, h.at, h.lives = generation, now, int(lives)
	for rest := answer[3:]; len(rest) >= 2; rest = rest[2:] {
		window, ok1 := rest[0].(string)
		lasts, ok2 := rest[1].(int64)
		if !ok1 || !ok2 {
			return nil, errAnswer
		}
		h.contended[window] = duration(lasts)
	}
	return h, nil
}

// memory is for how long the free shares of a replica that is silent count.
func (s *scripts) memory() time.Duration { return (span + freeBuckets) * s.bucket }

// contest is for how long a window is contended once it is. It is extended
// while half of it is left, and more than half of the limit is in use: when it
// ends, what was leased is forgotten.
func (s *scripts) contest() time.Duration {
	return 2 * (span + plentyBuckets + 2*freeBuckets) * s.bucket
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

// tellUse adds a note to a window. Contend makes the window contended, says
// that the note is all there is to tell, and gives for how long that lasts.
func (s *scripts) tellUse(window, replica, generation string, n note, contend bool) (lasts time.Duration, err error) {
	contest := time.Duration(0)
	if contend {
		contest = s.contest()
	}
	args := []any{generation, micros(s.bucket), micros(span * s.bucket), micros(n.penalty), micros(n.spaced), replica, micros(contest)}
	for _, u := range n.spent {
		args = append(args, micros(u.ago), u.n)
	}
	answer, err := s.run(s.use, []string{s.server, window, s.contended}, args...)
	if err != nil {
		return 0, err
	}
	v, err := ints(answer)
	switch {
	case err != nil:
		return 0, err
	case v[0] == 0:
		return 0, errGeneration
	case len(v) < 2:
		return 0, errAnswer
	}
	return duration(v[1]), nil
}

// An asking is the question for a lease.
type asking struct {
	generation, replica string
	limit, need, ahead  int
	bucket              time.Duration
	share               int          // what another replica may have spent and not told
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
	// contended is for how long replicas have to lease.
	contended time.Duration
	old       []forgotten // what counts now
}

// forgotten are calls that count until some time has passed.
type forgotten struct {
	in time.Duration
	n  int
}

// Reasons why there is no lease although the server answers.
var (
	errGeneration = errors.New("budget: the server has begun a new generation")
	errFree       = errors.New("budget: the server takes the key for free")
	errOthersLast = errors.New("budget: another replica still spends its own share")
)

func (s *scripts) ask(window string, a asking) (*granted, error) {
	args := []any{a.generation, a.replica, a.limit, a.need, a.ahead, micros(a.bucket), span, plentyBuckets, flag(a.alone), a.share, micros(s.memory()), micros(s.contest())}
	for _, u := range a.back {
		args = append(args, u.bucket, u.n)
	}
	answer, err := s.run(s.lease, []string{s.server, window, s.contended}, args...)
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
	case v[0] == 3:
		return nil, errFree
	case len(v) < 9:
		return nil, errAnswer
	}
	g := &granted{
		calls: int(v[1]), good: duration(v[2]), bucket: v[3], wait: duration(v[4]),
		gap: duration(v[5]), penalty: duration(v[6]), used: int(v[7]), contended: duration(v[8]),
	}
	for rest := v[9:]; len(rest) >= 2; rest = rest[2:] {
		g.old = append(g.old, forgotten{duration(rest[0]), int(rest[1])})
	}
	return g, nil
}
