// Command deprovision starts the offboarding of a user, which sets off the customer's own automation in Torii, and follows the workflow actions
// for that user until none is open.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1/userdirectoryv1connect"

	"github.com/sando-dev/sando/examples/internal/client"
)

func main() {
	email := flag.String("email", "", "main address of the user who leaves")
	every := flag.Duration("every", 2*time.Second, "how often to look at the workflow")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *email, *every); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, email string, every time.Duration) error {
	c, err := client.FromEnv()
	if err != nil {
		return err
	}
	users := userdirectoryv1connect.NewUserServiceClient(c.Conn)
	found, err := users.ListUsers(ctx, &userdirectoryv1.ListUsersRequest{IntegratedAccountId: &c.Account, Email: &email})
	if err != nil {
		return err
	}
	if len(found.Result) != 1 {
		return fmt.Errorf("%d users have the address %q: give -email of one", len(found.Result), email)
	}
	id, inactive := found.Result[0].Id, "inactive"
	changed, err := users.UpdateUser(ctx, &userdirectoryv1.UpdateUserRequest{Id: id, IntegratedAccountId: &c.Account, Status: &inactive})
	if err != nil {
		return err
	}
	fmt.Printf("%s is now %s\n", email, changed.Result.GetLifecycleStatus())
	return follow(ctx, c, id, every)
}

// An execution is what is needed of a workflow action execution.
type execution struct {
	ActionType  string `json:"actionType"`
	IsCompleted bool   `json:"isCompleted"`
	IsIgnored   bool   `json:"isIgnored"`
	ErrorType   string `json:"executionErrorType"`
}

func follow(ctx context.Context, c *client.Client, user string, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		open, failed, done := 0, 0, 0
		err := client.Each(ctx, c, "workflow_action_executions", "idActionUser="+user, func(e execution) (bool, error) {
			switch {
			case e.ErrorType != "":
				failed++
			case e.IsCompleted || e.IsIgnored:
				done++
			default:
				open++
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		fmt.Printf("workflow actions: %d done, %d failed, %d open\n", done, failed, open)
		if open == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
