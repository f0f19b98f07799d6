package unified_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
)

// Bytes that are no UTF-8 become U+FFFD in everything that is made of a record, and a lone surrogate where it is read as text.
func TestD7ProviderTextThatIsNotUTF8(t *testing.T) {
	m := newMapper(t)
	row := person(1000, `,"departmentName":"R`+"\xff\xfe"+`D","lone":"\ud800!"`)
	row = strings.Replace(strings.Replace(row, `"Tony"`, `"To`+"\xff"+`ny"`, 1), `"Stark"`, `"S\ud800k"`, 1)
	m.proxy.rows["users"] = []string{row}
	m.proxy.singles["users/1000"] = row
	m.proxy.filter = nil
	m.put(environmentLayer, `{"fields":{"custom.dept":{"path":["/departmentName"]},"custom.lone":{"path":["/lone"]},"title":{"expression":"record.firstName"}}}`)
	const clean, lone = "To\ufffdny", "S\ufffdk"
	check := func(how string, u *userdirectoryv1.User) {
		t.Helper()
		if u.GetFirstName() != clean || u.GetTitle() != clean || u.GetLastName() != lone || u.GetName() != clean+" "+lone ||
			string(u.Custom.GetJson()) != `{"dept":"R`+"\ufffd\ufffd"+`D","lone":"\ud800!"}` || !strings.Contains(string(u.CustomFields.GetJson()), "R\ufffd\ufffdD") ||
			!utf8.Valid(u.RemoteData.GetJson()) || !strings.Contains(string(u.RemoteData.GetJson()), `"firstName":"`+clean+`","lastName":"S\ud800k"`) {
			t.Errorf("%s: %v", how, u)
		}
	}
	for _, filters := range []*string{nil, proto.String("custom.dept=R%EF%BF%BD%EF%BF%BDD"), proto.String("custom_fields.departmentName=R%EF%BF%BD%EF%BF%BDD")} {
		list, err := m.users.ListUsers(as(t, "api"), &userdirectoryv1.ListUsersRequest{IntegratedAccountId: proto.String(account), RemoteData: proto.Bool(true), Filters: filters})
		if err != nil || len(list.Result) != 1 {
			t.Fatal(list, err)
		}
		check("list by "+text(filters), list.Result[0])
	}
	one, err := m.users.GetUser(as(t, "api"), &userdirectoryv1.GetUserRequest{Id: "1000", IntegratedAccountId: proto.String(account), RemoteData: proto.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	check("get", one.Result)
	h := handler(t, m.stand)
	for _, path := range []string{"/unified/user-directory/users?", "/unified/user-directory/users?status=active&", "/unified/user-directory/users/1000?"} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path+"remote_data=true&integrated_account_id="+account, nil)
		req.Header.Set("Authorization", "Bearer api")
		res := httptest.NewRecorder()
		h.ServeHTTP(res, req)
		body := res.Body.String()
		if res.Code != http.StatusOK || !utf8.ValidString(body) || !strings.Contains(body, `"first_name":"`+clean+`"`) || !strings.Contains(body, `"last_name":"`+lone+`"`) || !strings.Contains(body, `"lastName":"S\ud800k"`) {
			t.Errorf("%s: %d %s", path, res.Code, body)
		}
	}
}

func text(s *string) string {
	if s == nil {
		return "nothing"
	}
	return *s
}
