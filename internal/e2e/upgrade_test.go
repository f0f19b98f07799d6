package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/kittest/pgtest"
)

// The previous version is replaced by this one under load, as docs/runbook/upgrade.md tells operators to: first the schema, then one service after the other, old
// and new beside each other. Every order of the services is allowed; auth first has old peers of a new auth, auth last new peers of an old one. What was begun
// with the previous version goes on with this one: cursors, grants, tokens, keys of writes, consents. The log has every write once, in one chain.
func TestUpgrade(t *testing.T) {
	programs, version := previous(t)
	db := pgtest.Start(t)
	for name, order := range map[string][]string{
		"auth first": {"auth", "proxy", "unified", "mcp"},
		"auth last":  {"mcp", "unified", "proxy", "auth"},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			u := startPrevious(t, db, programs)
			u.begin(t)
			u.migrate(t, programs)
			for _, service := range order {
				u.replace(t, service)
			}
			u.end(t)
			t.Logf("from %s in %s: %d calls, %d tried again, %d writes", version, time.Since(began).Round(time.Second), u.load.done.Load(), u.load.again.Load(), u.load.writes.Load())
		})
	}
}

// An upgrade is what is replaced, and what was begun before.
type upgrade struct {
	split  *split
	s      stack
	load   *load
	finish func()
	writes int

	cursors map[string]string // the second page by the list
	made    any               // its answer
	grant   string
	confirm string // the endpoint of a server that asks
	deleted []any  // contracts that are to go with a consent from before
	token   string // a consent that the client brings itself
	consent chan struct{}
	agreed  chan error // how the call went that asked its user
}

// startPrevious starts the previous version behind balancers, which let replicas come and go, and a load on it.
func startPrevious(t *testing.T, db *pgtest.Server, programs string) *upgrade {
	t.Helper()
	sp := onServers(t, db, newRedis(t))
	sp.programs, sp.balancers = programs, make(map[string]*balancer)
	for _, service := range theFour() {
		sp.balancers[service] = newBalancer(t)
	}
	u := &upgrade{split: sp, s: sp.startAll(t), cursors: make(map[string]string), consent: make(chan struct{}), agreed: make(chan error, 1)}
	u.load = newLoad(u.s)
	u.load.pace = 200 * time.Millisecond // two clients read users, of which the provider allows 800 a minute
	u.finish = u.load.start(t)
	return u
}

// begin leaves things half done.
func (u *upgrade) begin(t *testing.T) {
	t.Helper()
	for _, list := range []string{"/proxy/users", "/unified/user-directory/users"} {
		page := u.call(t, "GET", list+"?limit=100", nil, "")
		u.cursors[list] = must(t, page, "next_cursor").(string)
	}
	u.made = u.write(t, "upgrade-0")
	u.grant = introspect(t, u.split, u.s.apiToken)
	_, _, u.confirm = newServer(t, u.s, `{"confirm_destructive":true}`)
	for range 2 {
		u.writes++
		u.deleted = append(u.deleted, must(t, u.write(t, fmt.Sprintf("upgrade-%d", u.writes)), "result.id"))
	}
	refusal := decode(t, []byte(textOf(u.destroy(t, u.asking(t, "2025-11-25", nil), map[string]any{"id": u.deleted[0]}))))
	u.token = must(t, refusal, "details.confirm_token").(string)
	u.askUser(t)
}

// askUser has a call wait for its user, who thinks until the upgrade is over. The state is with the client alone.
func (u *upgrade) askUser(t *testing.T) {
	t.Helper()
	asked := make(chan struct{})
	session := u.asking(t, "2026-07-28", func(ctx context.Context, _ *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
		close(asked)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-u.consent:
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{}}, nil
		}
	})
	go func() {
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: deleteContract, Arguments: map[string]any{"id": u.deleted[1]}})
		if err == nil && result.IsError {
			err = fmt.Errorf("refused: %s", textOf(result))
		}
		u.agreed <- err
	}()
	select {
	case <-asked:
	case err := <-u.agreed:
		t.Fatalf("the user was not asked: %v", err)
	case <-time.After(patience):
		t.Fatalf("the user was not asked within %s", patience)
	}
}

const deleteContract = "delete_a_torii_contract_by_id"

// asking connects a client to the server that asks before it destroys.
func (u *upgrade) asking(t *testing.T, version string, answer func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error)) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "upgrade", Version: "1"}, &mcp.ClientOptions{ElicitationHandler: answer})
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: u.confirm, DisableStandaloneSSE: true},
		&mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

func (u *upgrade) destroy(t *testing.T, session *mcp.ClientSession, arguments map[string]any) *mcp.CallToolResult {
	t.Helper()
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: deleteContract, Arguments: arguments})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// migrate brings the schema to this version with its own program, and sees the previous one work with it.
func (u *upgrade) migrate(t *testing.T, programs string) {
	t.Helper()
	u.split.programs = ""
	u.split.operate(t, "migrate")
	u.startPreviousAgain(t, programs)
	for range 5 { // on several connections, each with statements that it has prepared
		u.check(t, "the previous version on the new schema")
	}
}

// startPreviousAgain starts the previous version on the new schema, as a pod does that is moved meanwhile, or that a roll-back brings. It gets no calls.
func (u *upgrade) startPreviousAgain(t *testing.T, programs string) {
	t.Helper()
	sp, balancers := u.split, u.split.balancers
	sp.programs, sp.balancers = programs, nil
	for _, service := range []string{"auth", "proxy", "unified"} {
		instance := service + "-again"
		sp.internal[instance], sp.public[instance] = kittest.FreeAddr(t), kittest.FreeAddr(t)
		sp.start(t, instance, u.s.emulatorURL)
		if err := sp.processes[instance].stop(t); err != nil {
			t.Errorf("the previous %s: exit %v", service, err)
		}
	}
	sp.programs, sp.balancers = "", balancers
}

// replace starts one service of this version beside the previous one, uses both, and stops the previous one as Kubernetes does: it gets no more calls first.
func (u *upgrade) replace(t *testing.T, service string) {
	t.Helper()
	sp, instance := u.split, service+"-2"
	sp.internal[instance], sp.public[instance] = kittest.FreeAddr(t), kittest.FreeAddr(t)
	sp.start(t, instance, u.s.emulatorURL)
	for range 2 { // each of the two in turn
		u.check(t, "two versions of "+service)
	}
	sp.router.remove(service, sp.public[service])
	if err := sp.processes[service].stop(t); err != nil {
		t.Errorf("the previous %s: exit %v", service, err)
	}
	u.check(t, "the new "+service)
	before := u.load.done.Load()
	waitUntil(t, "the load goes on with the new "+service, func() bool { return u.load.done.Load() > before+20 })
}

// check makes every kind of call; all succeed at once.
func (u *upgrade) check(t *testing.T, when string) {
	t.Helper()
	u.writes++
	u.write(t, fmt.Sprintf("upgrade-%d", u.writes))
	for _, r := range []request{u.load.readUser(0), u.load.readApp(0), u.load.readOverConnect(0), u.load.callTool(0)} {
		if _, err := newLoad(u.s).send(r); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
}

// write makes a contract under a key and a name.
func (u *upgrade) write(t *testing.T, key string) any {
	t.Helper()
	body := fmt.Sprintf(`{"name":%q,"idApp":1001,"status":"active"}`, key)
	return u.call(t, "POST", "/proxy/contracts?", map[string]string{"Idempotency-Key": key}, body)
}

// call makes a call with the API token that must succeed.
func (u *upgrade) call(t *testing.T, method, target string, header map[string]string, body string) any {
	t.Helper()
	code, text := restOver{client: http.DefaultClient, base: u.s.baseURL}.do(t, method, target+"&integrated_account_id="+u.s.account, u.s.apiToken, header, []byte(body))
	if code != http.StatusOK {
		t.Fatalf("%s %s: status %d: %s", method, target, code, text)
	}
	return decode(t, text)
}

// end finishes what was begun before.
func (u *upgrade) end(t *testing.T) {
	t.Helper()
	for list, cursor := range u.cursors {
		first, rest := u.ids(t, list+"?limit=100"), u.ids(t, list+"?limit=200&next_cursor="+cursor)
		slices.Sort(first)
		for _, id := range rest {
			if _, twice := slices.BinarySearch(first, id); twice {
				t.Errorf("%s: %s is on two pages", list, id)
			}
		}
		if len(first) != 100 || len(rest) != 150 {
			t.Errorf("%s: pages of %d and %d users, want 100 and 150", list, len(first), len(rest))
		}
	}
	if again := u.write(t, "upgrade-0"); !same(again, u.made) {
		t.Errorf("the write is answered with %s the second time, first with %s", brief(again), brief(u.made))
	}
	code, text := restOver{client: http.DefaultClient, base: "http://" + u.split.public["proxy-2"]}.do(t, "GET",
		"/proxy/users/1001?integrated_account_id="+u.s.account, u.grant, nil, nil)
	if code != http.StatusOK {
		t.Errorf("a grant of the previous version: status %d: %s", code, text)
	}
	if result := u.destroy(t, u.asking(t, "2025-11-25", nil), map[string]any{"id": u.deleted[0], "confirm_token": u.token}); result.IsError {
		t.Errorf("a confirm_token of the previous version: %s", textOf(result))
	}
	close(u.consent)
	select {
	case err := <-u.agreed:
		if err != nil {
			t.Errorf("a question of the previous version: %v", err)
		}
	case <-time.After(patience):
		t.Error("the call that asked its user does not end")
	}
	u.finish()
	u.load.checkWrites(t, u.s)
	u.checkOwnWrites(t)
	u.checkOutput(t)
	verifyChain(t, u.split, u.s)
}

func (u *upgrade) ids(t *testing.T, target string) []string {
	t.Helper()
	var ids []string
	for _, row := range must(t, u.call(t, "GET", target, nil, ""), "result").([]any) {
		ids = append(ids, fmt.Sprint(must(t, row, "id")))
	}
	return ids
}

// checkOwnWrites looks at the provider: each contract is there once, but for the two that were deleted.
func (u *upgrade) checkOwnWrites(t *testing.T) {
	t.Helper()
	made := make(map[string]int)
	for _, row := range readAll(t, u.s, "/proxy/contracts?fields=name&limit=1000&integrated_account_id="+u.s.account) {
		name, _ := lookup(row, "name")
		made[fmt.Sprint(name)]++
	}
	for n := range u.writes + 1 {
		name, want := fmt.Sprintf("upgrade-%d", n), 1
		if n == 1 || n == 2 {
			want = 0
		}
		if made[name] != want {
			t.Errorf("contract %s is there %d times, want %d", name, made[name], want)
		}
	}
}

// checkOutput looks for what a service of either version could not do.
func (u *upgrade) checkOutput(t *testing.T) {
	t.Helper()
	for name, p := range u.split.processes {
		for line := range strings.Lines(p.output.String()) {
			ours := strings.HasSuffix(name, "-2")
			if strings.Contains(line, "panic") || strings.Contains(line, `"level":"ERROR"`) && (ours || !brokeOff(line)) {
				t.Errorf("%s: %s", name, line)
			}
			if strings.Contains(line, `"level":"WARN"`) {
				t.Logf("%s: %s", name, line)
			}
		}
	}
}

// brokeOff recognises what a service of the version before logs whose append to the audit log meets a connection that an auth closes as it stops. What was to be recorded is kept
// and recorded by the auth that comes after, or its call is refused and tried again.
func brokeOff(line string) bool {
	return strings.Contains(line, `"msg":"audit entries not recorded"`) && strings.Contains(line, "unexpected EOF")
}
