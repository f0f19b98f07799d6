package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/sando-dev/sando/bench/internal/measure"
)

// A row is a budget, or a few that are measured together.
type row struct {
	name string
	what string
	// slow rows take a minute or more by nature.
	slow    bool
	measure func(b *bench, ctx context.Context) error
}

// rowNameChange is the one row that is no budget. It is measured where another build is given.
const rowNameChange = "CHANGE"

// rows lists all in the order of measuring. Rows that share a measurement share its results.
func rows() []row {
	return []row{
		{"B1", "CPU of a page over REST, divided by nginx", false, (*bench).rowB1},
		{"B2", "CPU of a page over REST, divided by Go's ReverseProxy", false, (*bench).rowB2},
		{"B3", "CPU of a page over REST, divided by Nango's, recorded", false, (*bench).rowB3},
		{"B4", "added latency in an open loop, divided by ReverseProxy's", false, (*bench).rowB4},
		{"B5", "peak memory of a large page, divided by a page of 100", false, (*bench).rowB5},
		{"B6", "cost of many accounts", true, (*bench).rowB6},
		{"B7", "unified page of 1000", false, (*bench).rowB7},
		{"B8", "tools/call with 10 kB", false, (*bench).rowB8},
		{"B9", "tools/list with 26 tools", false, (*bench).rowB9},
		{"B10", "a quiet account beside a loud one", false, (*bench).rowB10},
		{"B11", "ListAll of 100,000 users", true, (*bench).rowB11},
		{"B12", "replicas", true, (*bench).rowB12},
		{"B13", "other transports and the split deployment, divided by REST all in one", false, (*bench).rowB13},
		{"B14", "a refused call, divided by a page of 1", false, (*bench).rowB14},
		{"B15", "start, binary, idle memory", false, (*bench).rowB15},
		{rowNameChange, "this build, divided by another", false, (*bench).rowChange},
	}
}

// measureRows measures what was chosen. A row that cannot be measured says why and stops no other.
func (b *bench) measureRows(ctx context.Context) {
	for _, r := range rows() {
		if !slices.Contains(b.rows, r.name) || ctx.Err() != nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s  %s\n", r.name, r.what)
		if err := r.measure(b, ctx); err != nil {
			fmt.Fprintf(os.Stderr, "%s  not measured: %v\n", r.name, err)
			b.add(reading{Row: r.name, What: r.what, Missing: err.Error()})
		}
	}
}

// A reading is one number held against its budget.
type reading struct {
	Row  string `json:"row"`
	What string `json:"what"`
	// Case tells readings of one row apart.
	Case string `json:"case,omitempty"`
	// Unit is empty for ratios.
	Unit  string         `json:"unit,omitempty"`
	Value measure.Spread `json:"value"`
	// Must and Goal are the most that the median may be.
	Must float64 `json:"must"`
	Goal float64 `json:"goal,omitempty"`
	// Note says how it was measured where that is not plain.
	Note string `json:"note,omitempty"`
	// Missing says why there is no value.
	Missing string `json:"missing,omitempty"`
}

// verdict says whether the budget is met, and by how much it is not.
func (r reading) verdict() string {
	v := r.Value.Median
	switch {
	case r.Missing != "":
		return "not measured: " + r.Missing
	case r.Goal > 0 && v <= r.Goal:
		return "met, and the goal"
	case v <= r.Must:
		return "met"
	case r.Must == 0:
		return fmt.Sprintf("short: %.3g instead of 0", v)
	default:
		return fmt.Sprintf("short by %.2f times", v/r.Must)
	}
}

// add takes down a reading.
func (b *bench) add(r reading) {
	if r.Missing == "" && math.IsNaN(r.Value.Median) {
		r.Value, r.Missing = measure.Spread{}, errNoRounds.Error()
	}
	b.report.Readings = append(b.report.Readings, r)
}

var errNoRounds = errors.New("no round was good")
