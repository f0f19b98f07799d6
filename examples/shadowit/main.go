// Command shadowit prints one JSON ticket for each application that is new since the last run and that nobody has sanctioned. What was seen is kept in
// a state file.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"

	ssov1 "github.com/sando-dev/sando/gen/sando/unified/sso/v1"
	"github.com/sando-dev/sando/gen/sando/unified/sso/v1/ssov1connect"

	"github.com/sando-dev/sando/examples/internal/client"
)

func main() {
	state := flag.String("state", "shadowit.json", "file that remembers the applications seen")
	flag.Parse()
	c, err := client.FromEnv()
	if err == nil {
		err = run(context.Background(), c, *state, os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// A ticket asks somebody to look at an application.
type ticket struct {
	Title    string `json:"title"`
	AppID    string `json:"app_id"`
	State    string `json:"state"`
	Category string `json:"category,omitempty"`
	URL      string `json:"url,omitempty"`
	Assignee string `json:"assignee,omitempty"`
	Users    int32  `json:"active_users_count"`
}

func run(ctx context.Context, c *client.Client, state string, w io.Writer) error {
	seen, err := load(state)
	if err != nil {
		return err
	}
	apps := ssov1connect.NewAppServiceClient(c.Conn)
	request := &ssov1.ListAppsRequest{IntegratedAccountId: &c.Account}
	out := json.NewEncoder(w)
	for {
		page, err := apps.ListApps(ctx, request)
		if err != nil {
			return err
		}
		for _, app := range page.Result {
			if seen[app.Id] || app.GetState() == "sanctioned" {
				continue
			}
			if err := out.Encode(ticketFor(app)); err != nil {
				return err
			}
			seen[app.Id] = true
		}
		if page.NextCursor == nil {
			return save(state, seen)
		}
		request.NextCursor = page.NextCursor
	}
}

func ticketFor(app *ssov1.App) ticket {
	return ticket{
		Title: fmt.Sprintf("Review %s", app.GetName()), AppID: app.Id, State: app.GetState(), Category: app.GetCategory(),
		URL: app.GetUrl(), Assignee: app.GetPrimaryOwner().GetEmail(), Users: app.GetActiveUsersCount(),
	}
}

func load(name string) (map[string]bool, error) {
	seen := make(map[string]bool)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return seen, nil
	}
	if err != nil {
		return nil, err
	}
	return seen, json.Unmarshal(text, &seen)
}

func save(name string, seen map[string]bool) error {
	text, err := json.Marshal(seen)
	if err != nil {
		return err
	}
	// Written beside and renamed, so that an interrupted run leaves the old state.
	if err := os.WriteFile(name+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
