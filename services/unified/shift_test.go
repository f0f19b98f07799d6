package unified_test

import (
	"net/http"
	"net/url"
	"testing"

	"google.golang.org/protobuf/proto"

	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1/userdirectoryv1connect"
)

// TestD5ShiftIsSaidOfUnifiedLists: a list whose rows moved between two pages
// says so, whether the proxy noticed or the mapping of a page did.
func TestD5ShiftIsSaidOfUnifiedLists(t *testing.T) {
	for _, tt := range []struct {
		name    string
		proxy   func(f *fakeProxy)
		between func(f *fakeProxy)
		status  *string
		want    bool
	}{
		{name: "nothing moves"},
		{name: "the proxy says so", proxy: func(f *fakeProxy) { f.shifted = true }, want: true},
		{name: "nothing moves in a page read again", status: proto.String("deleted")},
		{name: "a page read again begins elsewhere", status: proto.String("deleted"), between: func(f *fakeProxy) {
			f.rows["users"] = append([]string{person(9000, "")}, f.rows["users"]...)
		}, want: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proxy := directory()
			proxy.filter = nil // so that the filter by status runs in sando
			if tt.proxy != nil {
				tt.proxy(proxy)
			}
			s := newStand(t, proxy)
			users := userdirectoryv1connect.NewUserServiceClient(s.client)
			req := &userdirectoryv1.ListUsersRequest{
				IntegratedAccountId: proto.String(account), Limit: proto.Int32(5), Status: tt.status, CustomFields: proto.String(""),
			}
			res, err := users.ListUsers(as(t, "api"), req)
			if err != nil || res.NextCursor == nil || res.Meta.Shifted != nil {
				t.Fatalf("the first page: %v, %v", err, res)
			}
			if tt.between != nil {
				tt.between(proxy)
			}
			req.NextCursor = res.NextCursor
			if res, err = users.ListUsers(as(t, "api"), req); err != nil || res.Meta.GetShifted() != tt.want {
				t.Errorf("by RPC: %v, %v", err, res.GetMeta())
			}
			path := "/unified/user-directory/users?custom_fields=&limit=5&integrated_account_id=" + account + "&next_cursor=" + url.QueryEscape(req.GetNextCursor())
			if tt.status != nil {
				path += "&status=" + *tt.status
			}
			if status, a := get(t, handler(t, s), "api", path); status != http.StatusOK || a.Meta.Shifted != tt.want {
				t.Errorf("by REST: %d, %+v", status, a.Meta)
			}
		})
	}
}
