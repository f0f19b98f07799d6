// Command enrichment prints each user's profile with the organisation's own fields (department, cost center, manager and the like) as JSON lines.
package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"os"

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

// A profile is what a product adds to its own user.
type profile struct {
	ID     string          `json:"id"`
	Email  string          `json:"email"`
	Name   string          `json:"name"`
	Status string          `json:"status"`
	Fields json.RawMessage `json:"fields,omitempty"`
}

func run(ctx context.Context, c *client.Client, w io.Writer) error {
	users := userdirectoryv1connect.NewUserServiceClient(c.Conn)
	request := &userdirectoryv1.ListUsersRequest{IntegratedAccountId: &c.Account}
	out := json.NewEncoder(w)
	for {
		page, err := users.ListUsers(ctx, request)
		if err != nil {
			return err
		}
		for _, u := range page.Result {
			p := profile{ID: u.Id, Name: u.GetName(), Status: u.GetStatus(), Fields: u.GetCustomFields().GetJson()}
			if len(u.Emails) > 0 {
				p.Email = u.Emails[0].GetEmail()
			}
			if err := out.Encode(p); err != nil {
				return err
			}
		}
		if page.NextCursor == nil {
			return nil
		}
		request.NextCursor = page.NextCursor
	}
}
