package emulator

import (
	"slices"
	"strings"
	"time"

	"github.com/sando-dev/sando/emulator/internal/query"
	"github.com/sando-dev/sando/emulator/internal/wire"
	"github.com/sando-dev/sando/emulator/internal/world"
)

// auditEvent is one entry of the admin audit log. Its sequence number is not shown; cursors need it.
type auditEvent struct {
	seq        int64
	entity     string
	kind       string
	by         int64 // user id, 0 for events without a person
	created    time.Time
	path       string
	method     string
	remote     string
	properties wire.Object // nil is null
}

// record adds the write that is being answered to the audit log.
func (c *call) record(entity, kind string, properties wire.Object) {
	seq := int64(1)
	if n := len(c.org.audit); n > 0 {
		seq = c.org.audit[n-1].seq + 1
	}
	c.org.audit = append(c.org.audit, auditEvent{
		seq: seq, entity: entity, kind: kind, by: world.FirstPersonID, created: c.now,
		path: c.r.URL.Path, method: strings.ToLower(c.r.Method), remote: c.r.RemoteAddr, properties: properties,
	})
}

// seedAudit are events of the months before the epoch, in order of time.
func seedAudit(o *org) []auditEvent {
	kinds := []struct{ entity, kind string }{
		{"contracts", "update_contract"},
		{"users", "update_user_lifecycle_status"},
		{"apps", "update_app_details"},
		{"workflows", "update_workflow"},
		{"roles", "update_role"},
		{"integrations", "call_run_sync"},
		{"files", "upload"},
		{"orgs", "create_public_api_key"},
		{"authentication", "create_auth_token"},
		{"licenses", "update_license_price"},
		{"transactions", "update_transaction"},
		{"tasks", "cancel_task"},
	}
	events := make([]auditEvent, o.Size.AuditEvents)
	at := o.world.Epoch.Add(-time.Duration(len(events)+16) * 3 * time.Hour) // steps of three hours on average
	for i := range events {
		d := o.world.Dice("audit", i)
		k := world.Pick(d, kinds)
		at = at.Add(time.Duration(d.N(6*3600)) * time.Second)
		event := auditEvent{seq: int64(i) + 1, entity: k.entity, kind: k.kind, created: at, properties: wire.Object{}}
		if d.Percent(90) {
			event.by = world.FirstPersonID + int64(d.N(min(5, o.world.People)))
			event.path = "/api/orgs/" + itoa(o.ID) + "/" + k.entity + "/" + itoa(int64(d.N(5000)))
			event.method, event.remote = "put", "10.10.10."+itoa(int64(d.N(250)))
			event.properties = wire.Obj("id", d.N(5000))
		}
		if d.Percent(5) {
			event.properties = nil
		}
		events[i] = event
	}
	return events
}

func auditEntities() []string {
	return []string{
		"workflows", "tasks", "contracts", "users", "apps", "transactions", "orgs", "roles", "authentication", "access", "integrations", "licenses",
		"files", "features", "testConnection", "appCatalog", "anonymizeUser", "renewalForecast", "dashboards", "accessPolicies",
	}
}

// listAudit is GET /audit. Its sort is a direction, and there is no total.
func listAudit(c *call) (reply, error) {
	entity, err := c.oneOf("entity", auditEntities()...)
	if err != nil {
		return reply{}, err
	}
	if entity == "" && c.e.opts.AuditRequiresEntity {
		return reply{}, invalidf("\"entity\" is required")
	}
	direction, err := c.oneOf("sort", "asc", "desc")
	if err != nil {
		return reply{}, err
	}
	match, err := auditPeriod(c)
	if err != nil {
		return reply{}, err
	}
	if entity != "" {
		match = append(match, func(e auditEvent) bool { return e.entity == entity })
	}
	fields := auditFields(c.org)
	delete(c.query, "sort") // a direction, not the list of fields that list would read
	return list(c, listing[auditEvent]{
		key: "audit", source: query.Slice[auditEvent](c.org.audit), id: func(e auditEvent) int64 { return e.seq }, size: 50, noTotal: true, match: match,
		find:     func(key string) (query.Field[auditEvent], bool) { f, ok := fields[key]; return f, ok },
		defaults: "performedBy,performedByFirstName,performedByLastName,performedByEmail,idTargetOrg,creationTime,type,requestDetails,properties",
		order:    query.By(func(e auditEvent) any { return e.created.UnixMilli() }, direction != "asc"),
	})
}

// auditPeriod reads startTime, exclusive, and endTime, inclusive. A bare date as endTime means its last moment.
func auditPeriod(c *call) ([]func(auditEvent) bool, error) {
	var match []func(auditEvent) bool
	start, given, err := c.moment("startTime")
	if err != nil {
		return nil, err
	}
	if given {
		match = append(match, func(e auditEvent) bool { return e.created.After(start) })
	}
	end, given, err := c.moment("endTime")
	if err != nil {
		return nil, err
	}
	if given {
		if len(c.text("endTime")) == len(time.DateOnly) {
			end = end.AddDate(0, 0, 1).Add(-time.Nanosecond)
		}
		match = append(match, func(e auditEvent) bool { return !e.created.After(end) })
	}
	return match, nil
}

func auditFields(o *org) map[string]query.Field[auditEvent] {
	fields := map[string]query.Field[auditEvent]{}
	add := func(key string, get func(auditEvent) any) {
		fields[key] = query.Field[auditEvent]{Key: key, Get: get}
	}
	add("performedBy", func(e auditEvent) any { return ownerID(e.by) })
	person := func(get func(user) any) func(auditEvent) any {
		return func(e auditEvent) any {
			u, ok := o.user(e.by)
			if !ok {
				return nil
			}
			return get(u)
		}
	}
	add("performedByFirstName", person(func(u user) any { return nullable(u.firstName()) }))
	add("performedByLastName", person(func(u user) any { return nullable(u.lastName()) }))
	add("performedByEmail", person(func(u user) any { return u.email() }))
	add("idTargetOrg", func(auditEvent) any { return o.ID })
	add("creationTime", func(e auditEvent) any { return wire.Time(e.created) })
	add("type", func(e auditEvent) any { return e.kind })
	add("requestDetails", func(e auditEvent) any {
		if e.path == "" {
			return nil
		}
		return wire.Obj("path", e.path, "method", e.method, "remoteAddress", e.remote)
	})
	add("properties", func(e auditEvent) any { return nullable(e.properties, e.properties != nil) })
	return fields
}

// listWorkflowAudit is GET /workflows/audit: the one endpoint that pages by offset, with properties as JSON text.
func listWorkflowAudit(c *call) (reply, error) {
	offset, err := c.integer("offset", 0, 0, 1<<31-1)
	if err != nil {
		return reply{}, err
	}
	limit, err := c.integer("limit", 50, 1, maxPage)
	if err != nil {
		return reply{}, err
	}
	match, err := auditPeriod(c)
	if err != nil {
		return reply{}, err
	}
	if c.text("startTime") == "" {
		// The documented default is 30 days back; seeded events count from the epoch, so that they are found at any time.
		from := earlier(c.now, c.org.world.Epoch).AddDate(0, 0, -30)
		match = append(match, func(e auditEvent) bool { return e.created.After(from) })
	}
	keep := all(match)
	var events []auditEvent
	for _, e := range c.org.audit {
		if e.entity == "workflows" && (keep == nil || keep(e)) {
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(a, b auditEvent) int { return b.created.Compare(a.created) })
	rows := []wire.Object{}
	offset = max(offset+c.shift, 0)
	for _, e := range events[min(offset, len(events)):min(offset+limit, len(events))] {
		rows = append(rows, c.org.workflowEvent(e))
	}
	return answer("audit", rows)
}

func (o *org) workflowEvent(e auditEvent) wire.Object {
	u, _ := o.user(max(e.by, world.FirstPersonID))
	first, _ := u.firstName()
	last, _ := u.lastName()
	return wire.Obj(
		"performedBy", u.id(), "performedByFirstName", first, "performedByLastName", last, "performedByEmail", u.email(), "idTargetOrg", o.ID,
		"properties", string(wire.Append(nil, e.properties)), "creationTime", wire.Time(e.created), "type", e.kind,
		"message", "User "+u.fullName()+" ("+u.email()+"), "+strings.ReplaceAll(e.kind, "_", " "),
	)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
