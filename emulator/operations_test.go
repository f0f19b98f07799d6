package emulator_test

import (
	_ "embed"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sando-dev/sando/emulator"
)

// documented is what Torii's documents say of each operation, extracted from them and not from this package.
//
//go:embed testdata/operations.json
var documented []byte

type operation struct {
	ID, Method, Path string
	Limit            int
	Status           int      // 0: any 2xx
	Envelope         []string // top-level members, without aggregations
	Data             string   // the one that holds the object or list
	Fields           []string // members of the data when nothing is asked for
	MaxSize          int      `json:"max_size"`
	DefaultSize      int      `json:"default_size"`
}

func operations(t *testing.T) []operation {
	t.Helper()
	var list []operation
	decode(t, documented, &list)
	return list
}

// sample is a request that succeeds on a fresh emulator.
type sample struct {
	path string // with real ids and required parameters; empty is the documented path
	body string
}

func samples() map[string]sample {
	return map[string]sample{
		"users.get":         {path: "/users/1000"},
		"users.update":      {path: "/users/1000", body: `{"lifecycleStatus":"offboarding"}`},
		"users.apps.list":   {path: "/users/1000/apps"},
		"users.apps.get":    {path: "/users/1000/apps/1000"},
		"users.apps.update": {path: "/users/1000/apps/1000", body: `{"isUserRemovedFromApp":true}`},
		"apps.users.list":   {path: "/apps/1000/users"},
		"contracts.create":  {body: `{"name":"Salesforce contract","idApp":1000,"status":"pipeline","amount":{"value":23000000,"currency":"EUR"}}`},
		"contracts.get":     {path: "/contracts/1000"},
		"contracts.delete":  {path: "/contracts/1000"},
		"contracts.update":  {path: "/contracts/1000", body: `{"status":"inReview","ccf_testField":"Test"}`},
		"apps.get":          {path: "/apps/1000"},
		"apps.create":       {body: `{"name":"Salesforce","state":"discovered","url":"https://example.com","category":"Developer Tools","description":"Awesome application","tags":"DevOps,Human Resource"}`},
		"apps.add":          {body: `{"idApp":200100}`},
		"apps.update":       {path: "/apps/1000", body: `{"state":"sanctioned","primaryOwner":1000,"c_appType_1":"SaaS"}`},
		"apps.search":       {path: "/apps/search?q=a"},
		"apps.similar.list": {path: "/apps/similar?idApp=1000"},
		"apps.match":        {body: `{"apps":[{"name":"Salesforce"}]}`},

		"apps.fields.create":    {body: `{"name":"Plan Name","type":"dropdown","options":[{"value":"inReview","label":"In-Review"}]}`},
		"apps.fields.update":    {path: "/apps/fields/102", body: `{"name":"Remarks"}`},
		"apps.fields.delete":    {path: "/apps/fields/102"},
		"files.get":             {path: "/files/1000"},
		"files.create":          {body: `{"path":"1612686123657/test_file.xlsx","type":"expenseReport"}`},
		"files.url.get":         {path: "/files/url?name=test_file.xlsx&type=text/csv"},
		"files.download":        {path: "/files/1000/download"},
		"parsings.get":          {path: "/parsings/1000"},
		"parsings.automatic":    {body: `{"idFile":1000}`},
		"parsings.manual":       {body: `{"parseConfig":{"idFile":1000,"transactionDateColumn":"A","descriptionColumn":"B","amountColumn":"C","dateFormat":"DD/MM/YYYY","currencyColumn":"D"}}`},
		"plugins.create":        {body: `{"name":"My plugin"}`},
		"plugins.update":        {path: "/plugins/{uuid}", body: `{"idUpload":1003}`},
		"plugins.delete":        {path: "/plugins/{uuid}"},
		"plugins.fields.list":   {path: "/plugins/1000/fields"},
		"plugins.apikey.create": {path: "/plugins/{uuid}/apikey", body: `{}`},

		"workflows.get":                   {path: "/workflows/2000"},
		"workflows.trigger":               {path: "/workflows/2000/trigger", body: `{"triggerUserEmail":"tony@stark.com"}`},
		"appCatalog.triggerPolicy":        {body: `{"triggerAppId":1000,"triggerUserEmail":"tony@stark.com"}`},
		"appCatalog.policies.trigger":     {path: "/appCatalog/accessRequestPolicies/3000/trigger", body: `{"userEmail":"tony@stark.com"}`},
		"appCatalog.policies.bulkTrigger": {body: `{"userEmail":"tony@stark.com","policies":[3000,9]}`},
		"services.sync.custom":            {body: `{"idFile":1002,"idAppAccount":51000}`},
		"services.sync.gluu":              {body: `{"idFile":1003,"idAppAccount":51000}`},
		"services.custom.create":          {body: `{"idApp":1000}`},
		"transactions.update":             {path: "/transactions/1000", body: `{"amount":{"value":5},"transactionDate":"2022-02-03"}`},
		"extension.settings.update":       {body: `{"blockedSites":{"sites":["x.example"]}}`},
		"anonymize.create":                {body: `{"email":"tony@stark.com","fields":["gsuite_address","gsuite_home_email"]}`},
		"scim.users.create":               {body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"pepper@stark.com"}`},
		"scim.users.get":                  {path: "/scim/v2/Users/1000"},
		"scim.users.replace":              {path: "/scim/v2/Users/1000", body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"tony@stark.com"}`},
		"scim.users.patch":                {path: "/scim/v2/Users/1000", body: `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"name.givenName","value":"Anthony"}]}`},
		"scim.users.delete":               {path: "/scim/v2/Users/1001"},
	}
}

// request sends an operation's sample.
func (c client) request(op operation) result {
	c.t.Helper()
	s := samples()[op.ID]
	path := s.path
	if path == "" {
		path = op.Path
	}
	if strings.Contains(path, "{uuid}") {
		uuid := c.send("POST", "/plugins", `{"name":"My plugin"}`).want(http.StatusOK).at("plugin", "uuid").(string)
		path = strings.Replace(path, "{uuid}", uuid, 1)
	}
	switch op.ID {
	case "plugins.fields.list":
		c.send("POST", "/plugins", `{"name":"My plugin"}`).want(http.StatusOK)
	case "plugins.update":
		contentType, body := form(c.t, "plugin", "bundle.zip", []byte("PK"))
		c.do("POST", "/files/upload", contentType, body).want(http.StatusOK)
	case "services.sync.gluu":
		contentType, body := form(c.t, "customIntegrationData", "people.csv", []byte("mail,name\ntony@stark.com,Tony\n"))
		c.do("POST", "/files/upload", contentType, body).want(http.StatusOK)
	case "parsings.get":
		c.send("PUT", "/parsings/automatic", `{"idFile":1000}`).want(http.StatusOK)
	case "files.upload":
		contentType, body := form(c.t, "expenseReport", "report.csv", []byte("a,b\n1,2\n"))
		return c.do("POST", path, contentType, body)
	}
	if op.Method == "GET" || op.Method == "DELETE" {
		return c.do(op.Method, path, "", nil)
	}
	return c.do(op.Method, path, "application/json", []byte(s.body))
}

func TestEveryOperationAnswersAsDocumented(t *testing.T) {
	for _, op := range operations(t) {
		t.Run(op.ID, func(t *testing.T) {
			_, c := start(t, emulator.Options{RateLimitHeaders: true, DefaultContractsVersion: "1.1"})
			r := c.request(op)
			if op.Status != 0 {
				r.want(op.Status)
			} else if r.status/100 != 2 {
				t.Fatalf("status %d, want 2xx; body %s", r.status, r.body)
			}
			if got := r.header.Get("X-Rate-Limit-Limit"); got != strconv.Itoa(op.Limit) {
				t.Errorf("limit %s per minute, want %d", got, op.Limit)
			}
			checkEnvelope(t, op, r)
		})
	}
}

func checkEnvelope(t *testing.T, op operation, r result) {
	t.Helper()
	if r.status == http.StatusNoContent && len(r.body) != 0 {
		t.Errorf("204 with a body: %q", r.body)
	}
	if len(op.Envelope) == 0 {
		return
	}
	var keys []string
	body := r.object()
	for key := range body {
		keys = append(keys, key)
	}
	if diff := cmp.Diff(sorted(op.Envelope), sorted(keys)); diff != "" {
		t.Errorf("envelope (-documented +got):\n%s", diff)
	}
	if op.Data == "" || op.Fields == nil {
		return
	}
	got := union(body[op.Data])
	if op.ID == "apps.update" { // answers with all existing fields
		got = slices.DeleteFunc(got, func(key string) bool { return !slices.Contains(op.Fields, key) })
	}
	if diff := cmp.Diff(sorted(op.Fields), sorted(got)); diff != "" {
		t.Errorf("fields (-documented +got):\n%s", diff)
	}
}

// union collects the members of an object, or of all objects of a list.
func union(v any) []string {
	var keys []string
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, item := range list {
		for key := range item.(map[string]any) {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func sorted(keys []string) []string {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	return keys
}

func TestTheDocumentedOperationsAreAllThereAre(t *testing.T) {
	var ids []string
	for _, op := range operations(t) {
		ids = append(ids, op.ID)
	}
	if diff := cmp.Diff(sorted(ids), emulator.Operations()); diff != "" {
		t.Errorf("operations (-documented +emulated):\n%s", diff)
	}
	if len(ids) != 73 {
		t.Errorf("%d operations are documented, want 73", len(ids))
	}
}

func TestEveryOperationNeedsAKey(t *testing.T) {
	_, c := start(t, emulator.Options{})
	for _, op := range operations(t) {
		for _, key := range []string{"", "wrong"} {
			path := strings.NewReplacer("{idUser}", "1000", "{idApp}", "1000", "{id}", "1000").Replace(op.Path)
			c.as(key).do(op.Method, path, "application/json", []byte("{}")).refused(http.StatusUnauthorized, "")
		}
	}
}

func TestKeysOpenWhatTheirKindMay(t *testing.T) {
	for _, op := range operations(t) {
		scim := strings.HasPrefix(op.Path, "/scim/")
		_, c := start(t, emulator.Options{StrictSCIM: true})
		for _, row := range []struct {
			key     string
			allowed bool
		}{
			{emulator.DefaultKey, !scim},
			{emulator.DefaultReadOnlyKey, !scim && op.Method == "GET"},
			{emulator.DefaultSCIMKey, scim},
		} {
			path := strings.NewReplacer("{idUser}", "1000", "{idApp}", "1000", "{id}", "1000").Replace(op.Path)
			r := c.as(row.key).do(op.Method, path, "application/json", []byte("{}"))
			if row.allowed == (r.status == http.StatusForbidden) {
				t.Errorf("%s with %s: status %d", op.ID, row.key, r.status)
			}
			if !row.allowed {
				r.refused(http.StatusForbidden, "missing_required_scope")
			}
		}
	}
}

func TestUnknownParametersAreRefused(t *testing.T) {
	_, c := start(t, emulator.Options{})
	for _, path := range []string{"/orgs/my", "/users", "/users/1000", "/roles", "/apps", "/contracts", "/users/1000/apps", "/audit", "/files/1000"} {
		c.get(path+"?integrated_account_id=1").refused(http.StatusBadRequest, "integrated_account_id")
	}
	_, lenient := start(t, emulator.Options{LenientQuery: true})
	for _, path := range []string{"/orgs/my", "/users", "/apps", "/contracts"} {
		lenient.get(path + "?integrated_account_id=1").want(http.StatusOK)
	}
}

func TestUnknownIDsAreNotFound(t *testing.T) {
	_, c := start(t, emulator.Options{})
	for _, path := range []string{
		"/users/1", "/users/1/apps", "/users/1000/apps/1", "/apps/1", "/apps/1/users", "/contracts/1", "/files/1", "/files/1/download", "/parsings/1",
		"/workflows/1", "/apps/similar?idApp=1", "/plugins/1/fields", "/nothing", "/users/1000/nothing", "/users/",
		"//users", "/users/../users", "/users/1000/../../apps",
	} {
		c.get(path).refused(http.StatusNotFound, "")
	}
	c.get("/users/abc").refused(http.StatusBadRequest, "idUser")
	c.get("/apps/2147483648").refused(http.StatusBadRequest, "2147483647")
}

func TestValidationStatusCanBe422(t *testing.T) {
	_, c := start(t, emulator.Options{UnprocessableStatus: true})
	c.get("/users?size=0").refused(http.StatusUnprocessableEntity, "size")
}

func TestBodiesAreChecked(t *testing.T) {
	_, c := start(t, emulator.Options{})
	c.send("PUT", "/users/1000", `{}`).refused(http.StatusBadRequest, `"lifecycleStatus" is required`)
	c.send("PUT", "/users/1000", `{"lifecycleStatus":"gone"}`).refused(http.StatusBadRequest, "lifecycleStatus")
	c.send("PUT", "/users/1000", `{"lifecycleStatus":"active","firstName":"X"}`).refused(http.StatusBadRequest, "firstName")
	c.send("PUT", "/users/1000", `{"lifecycleStatus":`).refused(http.StatusBadRequest, "JSON")
	c.send("PUT", "/users/1000", `null`).refused(http.StatusBadRequest, "object")
	c.do("PUT", "/users/1000", "text/plain", []byte(`{"lifecycleStatus":"active"}`)).refused(http.StatusUnsupportedMediaType, "")
	c.send("POST", "/contracts", `{"name":"x","idApp":1000}`).refused(http.StatusBadRequest, `"status" is required`)
	c.do("POST", "/contracts", "application/json", append([]byte(`{"name":"`), make([]byte, 2<<20)...)).refused(http.StatusRequestEntityTooLarge, "")
}
