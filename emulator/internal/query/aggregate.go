package query

import (
	"bytes"
	"cmp"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/sando-dev/sando/emulator/internal/wire"
)

// maxBuckets is the largest options.size of an aggregation.
const maxBuckets = 100

// aggregation is the aggs parameter. The documents disagree on whether the histogram's options lie in options or in
// options.dateHistogramOptions; both are read.
type aggregation struct {
	Field   string       `json:"field"`
	Type    string       `json:"aggregationType"`
	Options aggOptions   `json:"options"`
	Aggs    *aggregation `json:"aggs"`
}

type aggOptions struct {
	Size int `json:"size"`
	Sort *struct {
		Field   string `json:"field"`
		Order   string `json:"order"`
		AggFunc string `json:"aggFunc"`
	} `json:"sort"`
	MetricFunction string `json:"metricFunction"`
	Ranges         []struct {
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"ranges"`
	histogramOptions
	DateHistogramOptions *histogramOptions `json:"dateHistogramOptions"`
}

// histogramOptions are the period and the bounds of a date_histogram: records outside the hard bounds do not count,
// and inside the extended bounds empty periods are shown.
type histogramOptions struct {
	DatePeriod     string `json:"datePeriod"`
	HardBounds     bounds `json:"hardBounds"`
	ExtendedBounds bounds `json:"extendedBounds"`
}

// bounds are two dates; an empty one is open.
type bounds struct {
	Min string `json:"min"`
	Max string `json:"max"`
}

func (b bounds) contain(t time.Time) bool {
	low, hasLow := instant(b.Min)
	high, hasHigh := instant(b.Max)
	return (!hasLow || !t.Before(low)) && (!hasHigh || !t.After(high))
}

// Aggregate computes the aggs parameter over the matching records: a list of {key, value, groupCount, aggregations?}.
func Aggregate[T any](find Lookup[T], text string, rows iter.Seq[T]) ([]wire.Object, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	var request aggregation
	if err := decoder.Decode(&request); err != nil || decoder.More() {
		return nil, refuse("\"aggs\" must be a JSON object {field, aggregationType, options, aggs}")
	}
	return aggregate(find, &request, slices.Collect(rows), 0)
}

// bucket is one group of records under a key.
type bucket[T any] struct {
	key  any
	rows []T
}

func aggregate[T any](find Lookup[T], a *aggregation, rows []T, depth int) ([]wire.Object, error) {
	f, ok := find(a.Field)
	switch {
	case depth > maxDepth:
		return nil, refuse("\"aggs\" is nested too deeply")
	case !ok:
		return nil, refuse("\"aggs\" names an unknown field: %s", a.Field)
	case a.Options.Size < 0 || a.Options.Size > maxBuckets:
		return nil, refuse("\"aggs\": options.size must be between 1 and %d", maxBuckets)
	}
	var buckets []bucket[T]
	var err error
	switch a.Type {
	case "metric":
		buckets = []bucket[T]{{key: a.Field, rows: rows}}
	case "groupBy":
		buckets = group(f, rows)
	case "date_range":
		buckets, err = ranges(f, a.Options, rows)
	case "date_histogram":
		buckets, err = histogram(f, a.Options, rows)
	default:
		err = refuse("\"aggs\": unknown aggregationType: %s", a.Type)
	}
	if err != nil {
		return nil, err
	}
	return finish(find, f, a, buckets, depth)
}

// finish gives each bucket its value, then sorts and cuts.
func finish[T any](find Lookup[T], f Field[T], a *aggregation, buckets []bucket[T], depth int) ([]wire.Object, error) {
	type result struct {
		object wire.Object
		value  any
	}
	results := make([]result, 0, len(buckets))
	for _, b := range buckets {
		value, err := metric(f, a, b.rows)
		if err != nil {
			return nil, err
		}
		object := wire.Obj("key", b.key, "value", value, "groupCount", len(b.rows))
		if a.Aggs != nil {
			nested, err := aggregate(find, a.Aggs, b.rows, depth+1)
			if err != nil {
				return nil, err
			}
			object = append(object, wire.Member{Key: "aggregations", Value: nested})
		}
		results = append(results, result{object, value})
	}
	if sort := a.Options.Sort; sort != nil {
		slices.SortStableFunc(results, func(x, y result) int {
			c := compare(scalar(x.value), scalar(y.value))
			if sort.Order == "desc" {
				return -c
			}
			return c
		})
	}
	if size := a.Options.Size; size > 0 && len(results) > size {
		results = results[:size]
	}
	out := make([]wire.Object, len(results))
	for i, r := range results {
		out[i] = r.object
	}
	return out, nil
}

// metric is a bucket's value: how many records, or a function of the aggregated field's numbers.
func metric[T any](f Field[T], a *aggregation, rows []T) (any, error) {
	function := a.Options.MetricFunction
	if function == "total" || (function == "" && a.Type != "metric") {
		return len(rows), nil
	}
	var numbers []float64
	for _, row := range rows {
		if v := scalar(f.Get(row)); rank(v) == 1 {
			numbers = append(numbers, float(v))
		}
	}
	sum := 0.0
	for _, n := range numbers {
		sum += n
	}
	switch function {
	case "sum", "":
		return sum, nil
	case "avg", "max", "min":
	default:
		return nil, refuse("\"aggs\": unknown metricFunction: %s", function)
	}
	if len(numbers) == 0 {
		return nil, nil
	}
	switch function {
	case "max":
		return slices.Max(numbers), nil
	case "min":
		return slices.Min(numbers), nil
	}
	return sum / float64(len(numbers)), nil
}

// group puts records together by value, the largest group first. Records without a value have the key null.
func group[T any](f Field[T], rows []T) []bucket[T] {
	var buckets []bucket[T]
	index := map[any]int{}
	for _, row := range rows {
		key := scalar(f.Get(row))
		i, ok := index[key]
		if !ok {
			i = len(buckets)
			index[key] = i
			buckets = append(buckets, bucket[T]{key: key})
		}
		buckets[i].rows = append(buckets[i].rows, row)
	}
	slices.SortStableFunc(buckets, func(a, b bucket[T]) int {
		return cmp.Or(cmp.Compare(len(b.rows), len(a.rows)), compare(a.key, b.key))
	})
	return buckets
}

// ranges counts records by date, from inclusive, to exclusive; either end may be open.
func ranges[T any](f Field[T], o aggOptions, rows []T) ([]bucket[T], error) {
	var buckets []bucket[T]
	for _, r := range o.Ranges {
		from, hasFrom := instant(r.From)
		to, hasTo := instant(r.To)
		if (r.From != "" && !hasFrom) || (r.To != "" && !hasTo) {
			return nil, refuse("\"aggs\": ranges need dates: %s - %s", r.From, r.To)
		}
		b := bucket[T]{key: r.From + "-" + r.To}
		for _, row := range rows {
			t, ok := instant(scalar(f.Get(row)))
			if ok && (!hasFrom || !t.Before(from)) && (!hasTo || t.Before(to)) {
				b.rows = append(b.rows, row)
			}
		}
		buckets = append(buckets, b)
	}
	return buckets, nil
}

// maxPeriods bounds how many empty periods the extended bounds may ask for.
const maxPeriods = 1000

// histogram counts records by period, in order of time.
func histogram[T any](f Field[T], o aggOptions, rows []T) ([]bucket[T], error) {
	options := o.histogramOptions
	if o.DateHistogramOptions != nil {
		options = *o.DateHistogramOptions
	}
	byStart, err := emptyPeriods[T](options)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		t, ok := instant(scalar(f.Get(row)))
		if !ok || !options.HardBounds.contain(t) {
			continue
		}
		start := periodStart(options.DatePeriod, t)
		b := byStart[start]
		b.key = wire.Time(start)
		b.rows = append(b.rows, row)
		byStart[start] = b
	}
	buckets := make([]bucket[T], 0, len(byStart))
	for _, start := range slices.SortedFunc(maps.Keys(byStart), time.Time.Compare) {
		buckets = append(buckets, byStart[start])
	}
	return buckets, nil
}

// emptyPeriods makes the buckets that the extended bounds ask for.
func emptyPeriods[T any](o histogramOptions) (map[time.Time]bucket[T], error) {
	if !slices.Contains([]string{"weekly", "monthly", "quarterly", "yearly"}, o.DatePeriod) {
		return nil, refuse("\"aggs\": datePeriod must be one of [weekly, monthly, quarterly, yearly]")
	}
	periods := map[time.Time]bucket[T]{}
	from, ok1 := instant(o.ExtendedBounds.Min)
	to, ok2 := instant(o.ExtendedBounds.Max)
	if !ok1 || !ok2 {
		return periods, nil
	}
	for t := periodStart(o.DatePeriod, from); !t.After(to); t = periodStart(o.DatePeriod, t.AddDate(0, 0, periodDays(o.DatePeriod))) {
		if len(periods) == maxPeriods {
			return nil, refuse("\"aggs\": extendedBounds span more than %d periods", maxPeriods)
		}
		periods[t] = bucket[T]{key: wire.Time(t)}
	}
	return periods, nil
}

// periodDays leads from the first day of a period into the next one.
func periodDays(period string) int {
	return map[string]int{"weekly": 7, "monthly": 31, "quarterly": 92, "yearly": 366}[period]
}

// periodStart is the first day of the period that an instant lies in; weeks start on Monday.
func periodStart(period string, t time.Time) time.Time {
	y, m, d := t.Date()
	switch period {
	case "weekly":
		return time.Date(y, m, d-(int(t.Weekday())+6)%7, 0, 0, 0, 0, time.UTC)
	case "monthly":
		return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	case "quarterly":
		return time.Date(y, m-(m-1)%3, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)
}
