// Command accessreview writes one CSV line per user and application, past employees who still have access first: the evidence of an access review.
package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"io"
	"log"
	"os"
	"slices"
	"strings"

	ssov1 "github.com/sando-dev/sando/gen/sando/unified/sso/v1"
	"github.com/sando-dev/sando/gen/sando/unified/sso/v1/ssov1connect"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1/userdirectoryv1connect"

	"github.com/sando-dev/sando/examples/internal/client"
)

func main() {
	c, err := client.FromEnv()
	if err == nil {
		err = run(context.Background(), c, os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// A line is one assignment with the person's standing.
type line struct{ status, email, app, lastVisit, finding string }

func run(ctx context.Context, c *client.Client, w io.Writer) error {
	status, err := statuses(ctx, c)
	if err != nil {
		return err
	}
	lines, err := assignments(ctx, c, status)
	if err != nil {
		return err
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(-strings.Compare(a.finding, b.finding), strings.Compare(a.email, b.email), strings.Compare(a.app, b.app))
	})
	out := csv.NewWriter(w)
	if err := out.Write([]string{"finding", "user", "status", "application", "last_visit_at"}); err != nil {
		return err
	}
	for _, l := range lines {
		if err := out.Write([]string{l.finding, l.email, l.status, l.app, l.lastVisit}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// statuses reads the standing of every person by id.
func statuses(ctx context.Context, c *client.Client) (map[string]string, error) {
	users := userdirectoryv1connect.NewUserServiceClient(c.Conn)
	all, none := make(map[string]string), ""
	request := &userdirectoryv1.ListUsersRequest{IntegratedAccountId: &c.Account, CustomFields: &none}
	for {
		page, err := users.ListUsers(ctx, request)
		if err != nil {
			return nil, err
		}
		for _, u := range page.Result {
			all[u.Id] = u.GetStatus()
		}
		if page.NextCursor == nil {
			return all, nil
		}
		request.NextCursor = page.NextCursor
	}
}

func assignments(ctx context.Context, c *client.Client, status map[string]string) ([]line, error) {
	apps := ssov1connect.NewAppServiceClient(c.Conn)
	var lines []line
	request := &ssov1.ListAppsRequest{IntegratedAccountId: &c.Account}
	for {
		page, err := apps.ListApps(ctx, request)
		if err != nil {
			return nil, err
		}
		for _, app := range page.Result {
			if lines, err = appendUsers(ctx, c, lines, app, status); err != nil {
				return nil, err
			}
		}
		if page.NextCursor == nil {
			return lines, nil
		}
		request.NextCursor = page.NextCursor
	}
}

func appendUsers(ctx context.Context, c *client.Client, lines []line, app *ssov1.App, status map[string]string) ([]line, error) {
	users := ssov1connect.NewAppUserServiceClient(c.Conn)
	active := true
	request := &ssov1.ListAppUsersRequest{IntegratedAccountId: &c.Account, AppId: app.Id, IsActive: &active}
	for {
		page, err := users.ListAppUsers(ctx, request)
		if err != nil {
			return nil, err
		}
		for _, u := range page.Result {
			l := line{status: status[u.Id], app: app.GetName()}
			if len(u.Emails) > 0 {
				l.email = u.Emails[0].GetEmail()
			}
			if u.LastVisitAt != nil {
				l.lastVisit = u.LastVisitAt.AsTime().Format("2006-01-02")
			}
			if l.status != "active" {
				l.finding = "remove access"
			}
			lines = append(lines, l)
		}
		if page.NextCursor == nil {
			return lines, nil
		}
		request.NextCursor = page.NextCursor
	}
}
