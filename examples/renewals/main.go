// Command renewals lists active contracts that end soon, and writes renegotiated terms back.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sando-dev/sando/examples/internal/client"
)

func main() {
	within := flag.Duration("within", 90*24*time.Hour, "how far ahead to look")
	renew := flag.String("renew", "", "id of a contract to renew instead")
	until := flag.String("until", "", "with -renew: its new end, YYYY-MM-DD")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *within, *renew, *until); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, w io.Writer, within time.Duration, renew, until string) error {
	c, err := client.FromEnv()
	if err != nil {
		return err
	}
	if renew != "" {
		if _, err := time.Parse(time.DateOnly, until); err != nil {
			return fmt.Errorf("-until: %w", err)
		}
		return c.Update(ctx, "contracts", renew, map[string]string{"endDate": until})
	}
	return list(ctx, c, w, time.Now().Add(within))
}

// A contract is what is needed of one; the fields are asked for by name.
type contract struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	IDApp   int64  `json:"idApp"`
	Status  string `json:"status"`
	EndDate string `json:"endDate"`
}

// An app names an application.
type app struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

func list(ctx context.Context, c *client.Client, w io.Writer, before time.Time) error {
	names := make(map[int64]string)
	err := client.Each(ctx, c, "apps", "fields=id,name", func(a app) (bool, error) {
		names[a.ID] = a.Name
		return true, nil
	})
	if err != nil {
		return err
	}
	var due []contract
	err = client.Each(ctx, c, "contracts", "status=active&fields=id,name,idApp,status,endDate", func(k contract) (bool, error) {
		if k.EndDate != "" && k.EndDate[:10] <= before.Format(time.DateOnly) {
			due = append(due, k)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(due, func(a, b contract) int {
		return cmp.Or(strings.Compare(a.EndDate, b.EndDate), cmp.Compare(a.ID, b.ID))
	})
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ENDS\tCONTRACT\tNAME\tAPPLICATION")
	for _, k := range due {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\n", k.EndDate[:10], k.ID, k.Name, names[k.IDApp])
	}
	return table.Flush()
}
