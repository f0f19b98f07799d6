package unified_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1/userdirectoryv1connect"
)

// The provider's record reaches the caller as the proxy gave it: order, blanks, escapes, duplicates and digits.
func TestRemoteDataIsWhatTheProxyGave(t *testing.T) {
	const row = `{ "id" : 9007199254740993, "firstName":"Zo\u00eb","firstName":"Zo\u00EB \/", "n":1.0e2,"idRole":9007199254740993 }`
	s := newStand(t, &fakeProxy{rows: map[string][]string{"users": {row}}})
	users := userdirectoryv1connect.NewUserServiceClient(s.client)
	list, err := users.ListUsers(as(t, "api"), &userdirectoryv1.ListUsersRequest{
		IntegratedAccountId: proto.String(account), RemoteData: proto.Bool(true), CustomFields: proto.String(""),
	})
	if err != nil {
		t.Fatal(err)
	}
	got := list.Result[0]
	if string(got.RemoteData.GetJson()) != row {
		t.Errorf("over RPC: %s", got.RemoteData.GetJson())
	}
	if got.Id != "9007199254740993" || got.GetFirstName() != "Zoë /" || got.Roles[0].GetId() != "9007199254740993" {
		t.Errorf("the record disagrees with it: %v", got)
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/unified/user-directory/users?custom_fields=&remote_data=true&integrated_account_id="+account, nil)
	req.Header.Set("Authorization", "Bearer api")
	res := httptest.NewRecorder()
	handler(t, s).ServeHTTP(res, req)
	if !strings.Contains(res.Body.String(), `"remote_data":`+row+`}]`) {
		t.Errorf("over REST: %s", res.Body)
	}
}
