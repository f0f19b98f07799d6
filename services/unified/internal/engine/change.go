package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/records"
	"github.com/sando-dev/sando/services/unified/internal/resource"
	"github.com/sando-dev/sando/services/unified/internal/upstream"
)

// readBack bounds the read after a write, so that what was done is told in time.
const readBack = 10 * time.Second

// Update answers an update request: it writes, and reads the record again, because the provider's answer to a write says neither everything
// nor always the truth about the record. A write that is done is a success whatever becomes of the read.
func (e *Engine) Update(ctx context.Context, name resource.Name, req, res proto.Message) error {
	r, err := read(req)
	if err != nil {
		return err
	}
	mapping, err := e.prepare(ctx, name, r)
	if err != nil {
		return err
	}
	up := mapping.Spec.GetUpdate()
	if up == nil {
		return rpcerr.New(rpcerr.Unimplemented, "")
	}
	body, err := changes(up, r)
	if err != nil {
		return err
	}
	call, err := e.call(mapping, &catalogv1.Source{Operation: up.GetOperation(), Parameters: up.GetParameters()}, r)
	if err != nil {
		return err
	}
	replayed, err := e.client.Update(ctx, call, body)
	if err != nil {
		return err
	}
	if replayed {
		// Much may have happened to the record since.
		body = nil
	}
	e.after(ctx, mapping, r, body, res)
	return nil
}

// after fills the response to a write that is done; body is what was written, nil when that was some time ago.
func (e *Engine) after(ctx context.Context, mapping *resource.Resource, r *request, body []byte, res proto.Message) {
	within, cancel := context.WithTimeout(upstream.Following(ctx), timeLeft(ctx))
	defer cancel()
	m, warnings, err := e.record(within, mapping, r)
	done := err == nil
	if !done {
		m, warnings = e.written(ctx, mapping, r, body), 0
		// Without it JSON shows lists that nobody read as empty ones.
		r.fields = strings.Join(filled(m), ",")
	}
	single(res, m, r, warnings)
	note := notYet(mapping.Spec.GetUpdate(), r, m)
	if body == nil {
		note = strings.TrimSpace("The change was made before under this Idempotency-Key; nothing was sent now. " + note)
	}
	if !done {
		note = "The change is made, but the record could not be read again (" + string(e.errors.From(err).Code) + "). Get it to see the rest."
	}
	meta := res.ProtoReflect().Mutable(res.ProtoReflect().Descriptor().Fields().ByName("meta")).Message()
	fields := meta.Descriptor().Fields()
	meta.Set(fields.ByName("read_back"), protoreflect.ValueOfBool(done))
	if note != "" {
		meta.Set(fields.ByName("note"), protoreflect.ValueOfString(note))
	}
}

// timeLeft leaves half of what the call has for the way back.
func timeLeft(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(readBack, time.Until(deadline)/2)
	}
	return readBack
}

// written is what a write alone says about the record: its id, and the fields that are made of nothing but what was written.
func (e *Engine) written(ctx context.Context, mapping *resource.Resource, r *request, body []byte) proto.Message {
	m := mapping.New()
	id := m.ProtoReflect().Descriptor().Fields().ByName("id")
	m.ProtoReflect().Set(id, protoreflect.ValueOfString(r.id))
	if body == nil {
		return m
	}
	call := r.mapping()
	call.RemoteData = false
	call.Keep = mapping.Plan.MadeOf(slices.Collect(maps.Keys(targets(mapping.Spec.GetUpdate(), r))))
	// Without an id to read the plan would fail; the caller's is the one that was written to.
	record := append([]byte(`{"id":`), records.AppendQuoted(nil, []byte(r.id))...)
	record = append(append(record, ','), body[1:]...)
	if made, err := e.one(mapping.Plan.Runner(ctx, call), mapping, record); err == nil {
		m = made
	}
	m.ProtoReflect().Set(id, protoreflect.ValueOfString(r.id))
	return m
}

// filled names the fields that a record has, in the order of their numbers.
func filled(m proto.Message) []string {
	var names []string
	msg := m.ProtoReflect()
	fields := msg.Descriptor().Fields()
	for i := range fields.Len() {
		if fd := fields.Get(i); msg.Has(fd) {
			names = append(names, string(fd.Name()))
		}
	}
	return names
}

// targets are the provider's fields that a request writes.
func targets(up *catalogv1.Update, r *request) map[string]bool {
	all := make(map[string]bool)
	for _, f := range up.GetFields() {
		if _, given := r.values[f.GetName()]; given {
			all[f.GetTarget()] = true
		}
	}
	return all
}

// notYet says that the record shows another value than was asked for, as when a change only starts something.
func notYet(up *catalogv1.Update, r *request, m proto.Message) string {
	var notes []string
	msg := m.ProtoReflect()
	for _, f := range up.GetFields() {
		asked, given := r.values[f.GetName()]
		fd := msg.Descriptor().Fields().ByName(protoreflect.Name(f.GetName()))
		if !given || fd == nil || !msg.Has(fd) {
			continue
		}
		if shown := textOf(fd, msg.Get(fd)); shown != asked {
			sent := ""
			if to, ok := f.GetEnum()[asked]; ok && to != asked {
				sent = fmt.Sprintf("; the provider was told %s %s", f.GetTarget(), to)
			}
			notes = append(notes, fmt.Sprintf("%s was asked to become %s, and the record shows %s%s.", f.GetName(), asked, shown, sent))
		}
	}
	return strings.Join(notes, " ")
}

// changes turns the changes of a request into the provider's body.
func changes(up *catalogv1.Update, r *request) ([]byte, error) {
	body := []byte{'{'}
	by := make(map[string]string) // unified name by target
	var names []string
	for _, f := range up.GetFields() {
		names = append(names, f.GetName())
		value, given := r.values[f.GetName()]
		if !given {
			continue
		}
		if other, twice := by[f.GetTarget()]; twice {
			return nil, rpcerr.Invalid(f.GetName(), "cannot be given together with "+other)
		}
		by[f.GetTarget()] = f.GetName()
		json, err := target(f, value)
		if err != nil {
			return nil, rpcerr.Invalid(f.GetName(), err.Error())
		}
		if len(body) > 1 {
			body = append(body, ',')
		}
		body = append(records.AppendQuoted(body, []byte(f.GetTarget())), ':')
		body = append(body, json...)
	}
	if len(by) == 0 {
		return nil, rpcerr.Invalid(names[0], "nothing is changed; give "+strings.Join(names, " or "))
	}
	return append(body, '}'), nil
}

// target writes one changed value as the provider takes it.
func target(f *catalogv1.UpdateField, value string) ([]byte, error) {
	if f.GetNegate() {
		switch value {
		case "true":
			return []byte("false"), nil
		case "false":
			return []byte("true"), nil
		default:
			return nil, fmt.Errorf("%q is neither true nor false", value)
		}
	}
	if len(f.GetEnum()) > 0 {
		to, ok := f.GetEnum()[value]
		if !ok {
			return nil, fmt.Errorf("%q is not one of %s", value, strings.Join(slices.Sorted(maps.Keys(f.GetEnum())), ", "))
		}
		value = to
	}
	return records.AppendQuoted(nil, []byte(value)), nil
}
