package emulator

import (
	"net/http"
	"slices"
	"time"

	"github.com/sando-dev/sando/emulator/internal/query"
	"github.com/sando-dev/sando/emulator/internal/wire"
	"github.com/sando-dev/sando/emulator/internal/world"
)

// workflow is one automation of the organisation.
type workflow struct {
	id      int64
	name    string
	trigger string // what starts it: user, app, contract or license
	actions []string
}

// offboardingWorkflow runs when a user's lifecycle leaves active.
const offboardingWorkflow = 2000

func seedWorkflows(*org) []workflow {
	return []workflow{
		{offboardingWorkflow, "Offboard employee", "user", []string{"removeUserFromApp"}},
		{2001, "Onboard employee", "user", []string{"createUserInApp", "sendSlackMessage"}},
		{2002, "New app discovered – triage", "app", []string{"createTicket"}},
		{2003, "Contract renewal reminder", "contract", []string{"sendEmail"}},
		{2004, "Licence not in use", "license", []string{"sendEmail", "removeLicense"}},
	}
}

// execution is one action that a workflow ran or is running.
type execution struct {
	id       int64
	app      int64 // 0 is null
	user     int64 // 0 without
	workflow int64
	run      int64 // idWorkflowExecution
	action   string
	started  time.Time
	duration time.Duration
	failure  string // executionErrorType of actions that fail
	ignored  bool
}

// finished is when the action ended, if it has by now.
func (x *execution) finished(now time.Time) (time.Time, bool) {
	end := x.started.Add(x.duration)
	return end, !now.Before(end)
}

// seedExecutions are actions that ended before the epoch; every tenth failed.
func seedExecutions(o *org) []*execution {
	list := make([]*execution, o.Size.ActionExecutions)
	for i := range list {
		d := o.world.Dice("execution", i)
		w := world.Pick(d, o.workflows)
		x := &execution{
			id: 1000 + int64(i), workflow: w.id, run: 500 + int64(i/2), action: world.Pick(d, w.actions), duration: time.Duration(1+d.N(300)) * time.Second,
			started: o.world.Epoch.Add(-time.Duration(len(list)-i)*2*time.Hour - time.Duration(d.N(3600))*time.Second),
		}
		if d.Percent(80) {
			x.app = o.apps[d.N(len(o.apps))].id
		}
		if w.trigger == "user" {
			x.user = world.FirstPersonID + int64(d.N(o.world.People))
		}
		if d.Percent(10) {
			x.failure = world.Pick(d, []string{"authenticationError", "rateLimit", "userNotFound"})
		}
		x.ignored = w.id == offboardingWorkflow && d.Percent(4)
		list[i] = x
	}
	return list
}

// start begins an action; it ends after Options.ActionTime.
func (o *org) start(x execution, now time.Time) {
	x.id, x.started, x.duration = 1000, now, o.opts.ActionTime
	if n := len(o.executions); n > 0 {
		x.id = o.executions[n-1].id + 1
	}
	o.executions = append(o.executions, &x)
}

func (o *org) nextRun() int64 {
	last := int64(0)
	for _, x := range o.executions {
		last = max(last, x.run)
	}
	return last + 1
}

// startOffboarding runs the offboarding workflow: one removal for each app the user is active in.
func (o *org) startOffboarding(u user, now time.Time) {
	run := o.nextRun()
	for _, l := range u.links() {
		if l.active() {
			o.start(execution{app: l.app.id, user: u.id(), workflow: offboardingWorkflow, run: run, action: "removeUserFromApp"}, now)
		}
	}
}

// listActionExecutions is GET /workflows/actionExecutions: newest first, no other order.
func listActionExecutions(c *call) (reply, error) {
	var match []func(*execution) bool
	filters := []struct {
		name string
		get  func(*execution) int64
	}{
		{"idActionApp", func(x *execution) int64 { return x.app }},
		{"idApp", func(x *execution) int64 { return x.app }},
		{"idActionUser", func(x *execution) int64 { return x.user }},
		{"idUser", func(x *execution) int64 { return x.user }},
	}
	for _, f := range filters {
		id, err := c.integer(f.name, 0, 0, maxID)
		if err != nil {
			return reply{}, err
		}
		if id != 0 {
			match = append(match, func(x *execution) bool { return f.get(x) == int64(id) })
		}
	}
	fields := executionFields(c.org, c.now)
	return list(c, listing[*execution]{
		key: c.e.opts.ActionExecutionsKey, source: query.Slice[*execution](c.org.executions), id: func(x *execution) int64 { return x.id }, size: 50, match: match,
		find: func(key string) (query.Field[*execution], bool) { f, ok := fields[key]; return f, ok },
		defaults: "id,idOrg,idApp,idWorkflow,idWorkflowExecution,idAction,actionType,runtimeInfo,isRun,runTime,isCompleted,completionTime," +
			"continueOnError,isIgnored,ignoredTime,details,executionErrorType,errorTime,creationTime,updateTime",
		order: query.By(func(x *execution) any { return x.started.UnixMilli() }, true),
	})
}

func executionFields(o *org, now time.Time) map[string]query.Field[*execution] {
	fields := map[string]query.Field[*execution]{}
	add := func(key string, get func(*execution) any) {
		fields[key] = query.Field[*execution]{Key: key, Get: get}
	}
	// end is the time of the end if the action has ended in the way asked for.
	end := func(x *execution, want bool) any {
		t, done := x.finished(now)
		if !done || !want {
			return nil
		}
		return wire.Time(t)
	}
	succeeded := func(x *execution) bool { return x.failure == "" && !x.ignored }
	add("id", func(x *execution) any { return x.id })
	add("idOrg", func(*execution) any { return o.ID })
	add("idApp", func(x *execution) any { return ownerID(x.app) })
	add("idWorkflow", func(x *execution) any { return x.workflow })
	add("idWorkflowExecution", func(x *execution) any { return x.run })
	add("idAction", func(x *execution) any { return itoa(3873472394983 + x.id) })
	add("actionType", func(x *execution) any { return x.action })
	add("runtimeInfo", func(x *execution) any {
		if x.user == 0 {
			return nil
		}
		return wire.Obj("user", wire.Obj("id", x.user))
	})
	add("isRun", func(*execution) any { return true }) // true in the official example of a completed action, too
	add("runTime", func(x *execution) any { return wire.Time(x.started) })
	add("isCompleted", func(x *execution) any { _, done := x.finished(now); return done && succeeded(x) })
	add("completionTime", func(x *execution) any { return end(x, succeeded(x)) })
	add("continueOnError", func(*execution) any { return false })
	add("isIgnored", func(x *execution) any { return x.ignored })
	add("ignoredTime", func(x *execution) any { return end(x, x.ignored) })
	add("details", func(x *execution) any {
		if _, done := x.finished(now); !done || !succeeded(x) {
			return nil
		}
		return wire.Obj("userAlreadyExists", x.id%2 == 0)
	})
	add("executionErrorType", func(x *execution) any {
		if _, done := x.finished(now); !done || x.failure == "" {
			return nil
		}
		return x.failure
	})
	add("errorTime", func(x *execution) any { return end(x, x.failure != "") })
	add("creationTime", func(x *execution) any { return wire.Time(x.started) })
	add("updateTime", func(x *execution) any {
		if t, done := x.finished(now); done {
			return wire.Time(t)
		}
		return wire.Time(x.started)
	})
	return fields
}

// listWorkflows is GET /workflows.
func listWorkflows(c *call) (reply, error) {
	if _, err := c.oneOf("type", "regular"); err != nil {
		return reply{}, err
	}
	rows := make([]wire.Object, len(c.org.workflows))
	for i, w := range c.org.workflows {
		rows[i] = w.print()
	}
	return answer("workflows", rows)
}

func (w workflow) print() wire.Object {
	return wire.Obj("id", w.id, "name", w.name, "type", "regular", "version", "1.0")
}

// getWorkflow is GET /workflows/{idWorkflow}. The wrapper is not documented; it is {workflow} here.
func getWorkflow(c *call) (reply, error) {
	w, err := c.pathWorkflow()
	if err != nil {
		return reply{}, err
	}
	return answer("workflow", w.print())
}

func (c *call) pathWorkflow() (workflow, error) {
	id, err := c.pathID("idWorkflow")
	if err != nil {
		return workflow{}, err
	}
	i := slices.IndexFunc(c.org.workflows, func(w workflow) bool { return w.id == id })
	if i < 0 {
		return workflow{}, problemf(http.StatusNotFound, "Workflow %d not found", id)
	}
	return c.org.workflows[i], nil
}

// triggerWorkflow is POST /workflows/{idWorkflow}/trigger. The body must say what the workflow's trigger needs.
func triggerWorkflow(c *call) (reply, error) {
	w, err := c.pathWorkflow()
	if err != nil {
		return reply{}, err
	}
	p, err := c.closed("triggerUserEmail", "triggerAppId", "triggerContractId", "triggerLicenseName", "triggerLicenseAppId")
	if err != nil {
		return reply{}, err
	}
	x, err := c.subject(w, p)
	if err != nil {
		return reply{}, err
	}
	x.workflow, x.run = w.id, c.org.nextRun()
	for _, action := range w.actions {
		x.action = action
		c.org.start(x, c.now)
	}
	c.record("workflows", "workflow_triggered_manually", wire.Obj("idWorkflow", w.id))
	return answer("success", true)
}

// subject reads what a workflow runs on.
func (c *call) subject(w workflow, p payload) (execution, error) {
	need := map[string]string{"user": "triggerUserEmail*", "app": "triggerAppId*", "contract": "triggerContractId*", "license": "triggerLicenseName*"}[w.trigger]
	if err := p.require(need); err != nil {
		return execution{}, err
	}
	var x execution
	email, err := p.str("triggerUserEmail")
	if err != nil {
		return x, err
	}
	if email != "" {
		u, ok := c.org.userByEmail(email)
		if !ok {
			return x, invalidf("\"triggerUserEmail\": no user has the address %s", email)
		}
		x.user = u.id()
	}
	for _, name := range []string{"triggerAppId", "triggerLicenseAppId"} {
		id, given, err := p.id(name)
		if err != nil {
			return x, err
		}
		if !given {
			continue
		}
		if _, ok := c.org.app(id); !ok {
			return x, invalidf("%q: app %d does not exist", name, id)
		}
		x.app = id
	}
	id, given, err := p.id("triggerContractId")
	if err != nil {
		return x, err
	}
	if given {
		i, ok := c.org.contractIndex(id)
		if !ok {
			return x, invalidf("\"triggerContractId\": contract %d does not exist", id)
		}
		x.app = c.org.contracts[i].idApp
	}
	return x, nil
}
