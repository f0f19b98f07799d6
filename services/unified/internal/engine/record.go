package engine

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/expression"
	"github.com/sando-dev/sando/services/unified/internal/plan"
	"github.com/sando-dev/sando/services/unified/internal/records"
	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// mapping is what a request says about how records are mapped.
func (r *request) mapping() plan.Call {
	return plan.Call{
		Parameters: r.values,
		Facts:      expression.NewFacts(r.environment, r.account),
		RemoteData: r.remoteData,
	}
}

// one maps a record into a message.
func (e *Engine) one(runner *plan.Runner, res *resource.Resource, record []byte) (proto.Message, error) {
	wire, err := runner.Append(nil, record)
	if err != nil {
		return nil, failure(err, rowID(record))
	}
	m := res.New()
	if err := proto.Unmarshal(wire, m); err != nil {
		return nil, rpcerr.New(rpcerr.Internal, "").WithCause(err)
	}
	return m, nil
}

// rowID is the id of a source record, for messages.
func rowID(record []byte) string { return string(records.Find(record, records.Pointer{"id"})) }

// rowsOf walks the rows of a page; an operation that answers one object is a list of one.
func rowsOf(page []byte) records.Elements {
	if records.KindOf(page) == records.Object {
		page = slices.Concat([]byte{'['}, page, []byte{']'})
	}
	return records.ElementsOf(page)
}

// split cuts the rows of a page.
func split(page []byte) ([][]byte, error) {
	var rows [][]byte
	walk := rowsOf(page)
	for {
		row, ok := walk.Next()
		if !ok {
			return rows, failure(walk.Err(), "")
		}
		if records.KindOf(row) != records.Object {
			return nil, failure(&records.SyntaxError{Want: "an object in every row"}, "")
		}
		rows = append(rows, row)
	}
}

// idOf is the id of an output record.
func idOf(m proto.Message) string {
	msg := m.ProtoReflect()
	return msg.Get(msg.Descriptor().Fields().ByName("id")).String()
}

// ask adds to the fields that a source is asked for what the organisation's own fields and the overrides of the mappings read.
func ask(s *catalogv1.Source, custom []plan.CustomField, query map[string][]string, mappings ...*resource.Resource) {
	base, ok := s.GetQuery()["fields"]
	if !ok {
		return
	}
	keys := strings.Split(base, ",")
	add := func(key string) {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, res := range mappings {
		for _, key := range res.Missing(s) {
			add(key)
		}
	}
	for _, f := range custom {
		add(f.Key)
	}
	query["fields"] = []string{strings.Join(keys, ",")}
}
