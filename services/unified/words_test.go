package unified_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// wordy is a stand whose records write addresses and words in several letter cases.
func wordy(t *testing.T, name string) *layered {
	l := newLayered(t, name)
	l.proxy.filter = provider
	l.proxy.rows["users"] = []string{
		`{"id":1,"email":"tony@stark.com","lifecycleStatus":"active","additionalEmails":[]}`, `{"id":2,"email":"pepper@stark.com","lifecycleStatus":"offboarding","additionalEmails":[]}`,
	}
	l.proxy.rows["application_users"] = []string{`{"idUser":1,"email":"Tony@Stark.com","status":"active"}`, `{"idUser":2,"email":"pepper@stark.com","status":"managed"}`}
	l.proxy.rows["apps"] = []string{`{"id":1,"name":"A","state":"sanctioned"}`, `{"id":2,"name":"B","state":"Sanctioned"}`, `{"id":3,"name":"C","state":"Our own"}`, `{"id":4,"state":"closed"}`}
	l.proxy.rows["user_applications"] = l.proxy.rows["apps"]
	return l
}

func listed(res protoreflect.Message) string {
	list := res.Get(res.Descriptor().Fields().ByName("result")).List()
	var out []string
	for i := range list.Len() {
		m := list.Get(i).Message()
		out = append(out, m.Get(m.Descriptor().Fields().ByName("id")).String())
	}
	return strings.Join(out, " ")
}

// Addresses compare as addresses and words in any letter case, on every resource, and what is never shown is refused with what is.
func TestD6AddressesAndWords(t *testing.T) {
	const refused = "VALIDATION_FAILED"
	for _, test := range []struct {
		list, override, filter, value, want, text string
	}{
		{"user-directory/users", "null", "email", "Tony@STARK.com", "1", ""},
		{"user-directory/users", "null", "email", " tony@stark.com ", "1", ""},
		{"user-directory/users", "null", "emails[email]", "TONY@stark.com", "1", ""},
		{"user-directory/users", "null", "email", "nobody@stark.com", "", ""},
		{"user-directory/users", `{"filters":{"username":{"runs":"local"}}}`, "username", "TONY@stark.com", "1", ""},
		{"user-directory/users", `{"fields":{"emails[0].email":{"path":["/nothing","/email"]}}}`, "email", "TONY@stark.com", "1", ""},
		{"user-directory/users", `{"fields":{"custom.mail":{"path":["/email"]}}}`, "custom.mail", "TONY@stark.com", "1", ""},
		{"sso/app_users", "null", "email", "tony@stark.com", "1", ""},
		{"sso/app_users", "null", "email", "PEPPER@stark.com", "2", ""},
		{"sso/app_users", `{"filters":{"username":{"runs":"local"}}}`, "username", "tony@STARK.com", "1", ""},
		{"user-directory/users", "null", "status", "Active", "1 2", ""},
		{"user-directory/users", "null", "status", "offboarding", refused, "active, deleted, inactive"},
		{"user-directory/users", "null", "status", "invited", refused, "active, deleted, inactive"},
		{"user-directory/users", "null", "lifecycle_status", "OFFBOARDING", "2", ""},
		{"user-directory/users", "null", "lifecycle_status", "inactive", refused, "active, offboarding, offboarded"},
		{"user-directory/users", "null", "is_external", "yes", refused, "neither true nor false"},
		{"user-directory/users", "null", "created_at[gt]", "yesterday", refused, "RFC 3339"},
		{"sso/app_users", "null", "status", "Managed", "2", ""},
		{"sso/app_users", "null", "status", "offboarded", refused, "active, deleted, managed"},
		{"sso/app_users", "null", "is_active", "maybe", refused, "neither true nor false"},
		{"sso/apps", "null", "state", "Sanctioned", "1 2", ""},
		{"sso/apps", "null", "state", "our own", "3", ""},
		{"sso/apps", "null", "status", "ACTIVE", "1 2", ""},
		{"sso/apps", "null", "status", "sanctioned", refused, "shown as active"},
		{"sso/apps", "null", "status", "our own", "3", ""},
		{"sso/apps of a user", "null", "state", "SANCTIONED", "1 2", ""},
		{"user-directory/roles", `{"filters":{"type":{"runs":"local"}}}`, "type", "owner", refused, "admin, member"},
		{"user-directory/users", `{"fields":{"status":{"enum":{"active":"enabled"}}}}`, "status", "active", "", "override of the environment"},
		{"user-directory/users", `{"fields":{"status":{"enum":{"active":"enabled","offboarding":"leaving"}}}}`, "status", "active", refused, "enabled, inactive, leaving, as the override of the environment has it"},
		{"user-directory/users", `{"fields":{"status":{"enum":{"active":"enabled"}}}}`, "status", "ENABLED", "1", ""},
	} {
		l := wordy(t, test.list)
		list := lists()[test.list]
		l.put(environmentLayer, test.override)
		res, err := l.call(list.procedure, list.request, "filters", url.Values{test.filter: {test.value}}.Encode())
		label := test.list + " by " + test.filter + "=" + test.value + " under " + test.override
		switch {
		case test.want == refused:
			if err == nil || string(err.Code) != refused || !strings.Contains(err.Message, test.filter) || !strings.Contains(err.Message, sortedSet(test.text)) {
				t.Errorf("%s: %v, %v", label, res, err)
			}
		case err != nil:
			t.Errorf("%s: %v", label, err)
		case test.text == "" && listed(res) != test.want:
			t.Errorf("%s: %q, want %q", label, listed(res), test.want)
		}
	}
}

// sortedSet is the text looked for; the sets are in alphabetical order.
func sortedSet(text string) string {
	return strings.Replace(text, "active, offboarding, offboarded", "active, offboarded, offboarding", 1)
}

func TestD6OverREST(t *testing.T) {
	h := handler(t, wordy(t, "user-directory/users").stand)
	for path, want := range map[string]struct {
		status, records int
		text            string
	}{
		"/unified/sso/app_users?app_id=5&email=TONY%40stark.com":       {http.StatusOK, 1, ""},
		"/unified/user-directory/users?email=TONY%40stark.com":         {http.StatusOK, 1, ""},
		"/unified/user-directory/users?emails[email]=TONY%40stark.com": {http.StatusOK, 1, ""},
		"/unified/user-directory/users?status=offboarding":             {http.StatusBadRequest, 0, "not one of active, deleted, inactive"},
		"/unified/user-directory/users?lifecycle_status=gone":          {http.StatusBadRequest, 0, "not one of active, offboarded, offboarding"},
		"/unified/sso/app_users?app_id=5&status=gone":                  {http.StatusBadRequest, 0, "not one of active, deleted, managed"},
		"/unified/sso/apps?state=SANCTIONED":                           {http.StatusOK, 2, ""},
		"/unified/user-directory/users?status[in]=active":              {http.StatusBadRequest, 0, "status[in]"},
	} {
		status, a := get(t, h, "api", path+"&integrated_account_id="+account)
		if status != want.status || len(a.Result) != want.records || !strings.Contains(a.Message, want.text) {
			t.Errorf("%s: %d %+v", path, status, a)
		}
	}
}
