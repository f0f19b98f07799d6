// Command workflowsync prints one JSON line for each workflow action execution that came to an end since the time given, newest first, and at the end the time
// to give on the next run.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"log"
	"os"
	"time"

	"github.com/sando-dev/sando/examples/internal/client"
)

func main() {
	since := flag.String("since", "", "time of the last run, RFC 3339; empty reads everything")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *since); err != nil {
		log.Fatal(err)
	}
}

// An execution is one action of a workflow run.
type execution struct {
	ID             int64      `json:"id"`
	IDWorkflow     int64      `json:"idWorkflow"`
	ActionType     string     `json:"actionType"`
	IsCompleted    bool       `json:"isCompleted"`
	IsIgnored      bool       `json:"isIgnored"`
	ErrorType      string     `json:"executionErrorType"`
	CreationTime   time.Time  `json:"creationTime"`
	CompletionTime *time.Time `json:"completionTime"`
	ErrorTime      *time.Time `json:"errorTime"`
	IgnoredTime    *time.Time `json:"ignoredTime"`
}

// ended says when an execution came to an end and how.
func (e execution) ended() (time.Time, string) {
	switch {
	case e.ErrorTime != nil:
		return *e.ErrorTime, "failed"
	case e.IgnoredTime != nil:
		return *e.IgnoredTime, "ignored"
	case e.IsCompleted && e.CompletionTime != nil:
		return *e.CompletionTime, "completed"
	}
	return time.Time{}, "open"
}

// reach is how long an action may stay open: executions come newest first by creation, so older ones cannot have ended since.
const reach = 30 * 24 * time.Hour

func run(ctx context.Context, w io.Writer, since string) error {
	c, err := client.FromEnv()
	if err != nil {
		return err
	}
	var from time.Time
	if since != "" {
		if from, err = time.Parse(time.RFC3339, since); err != nil {
			return err
		}
	}
	out, began := json.NewEncoder(w), time.Now().UTC()
	err = client.Each(ctx, c, "workflow_action_executions", "", func(e execution) (bool, error) {
		if !from.IsZero() && e.CreationTime.Before(from.Add(-reach)) {
			return false, nil
		}
		at, outcome := e.ended()
		if outcome == "open" || at.Before(from) {
			return true, nil
		}
		return true, out.Encode(map[string]any{
			"execution": e.ID, "workflow": e.IDWorkflow, "action": e.ActionType, "outcome": outcome, "ended_at": at, "error": e.ErrorType,
		})
	})
	if err != nil {
		return err
	}
	return out.Encode(map[string]any{"since": began.Format(time.RFC3339)})
}
