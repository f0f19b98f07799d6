package resource

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/services/unified/internal/plan"
)

// Removal is a row that a layer took away.
type Removal struct {
	Name, Layer string
}

// topOf is the top-level output field of a row.
func topOf(name string) string {
	if i := strings.IndexAny(name, ".["); i >= 0 {
		return name[:i]
	}
	return name
}

// rowsAt are the rows in force that fill a top-level field.
func (d *Definition) rowsAt(top string) []plan.Field {
	var rows []plan.Field
	for _, f := range d.Fields {
		if topOf(f.Mapping.GetName()) == top {
			rows = append(rows, f)
		}
	}
	return rows
}

// changed says which layer makes a top-level field differ from the catalog's; empty for none. What the provider filters or sorts by is then
// not what is shown. A row that only describes a field in other words changes nothing.
func (d *Definition) changed(top string) (layer string) {
	rows := d.rowsAt(top)
	for _, f := range rows {
		if f.Layer != LayerCatalog && !slices.ContainsFunc(d.Spec.GetFields(), func(m *catalogv1.FieldMapping) bool { return sameRow(m, f.Mapping) }) {
			layer = f.Layer
		}
	}
	for _, m := range d.Spec.GetFields() {
		if topOf(m.GetName()) != top || slices.ContainsFunc(rows, func(f plan.Field) bool { return sameKey(m, f.Mapping) }) {
			continue
		}
		for _, gone := range d.Removed {
			if gone.Name == m.GetName() {
				layer = gone.Layer
			}
		}
	}
	return layer
}

func sameKey(a, b *catalogv1.FieldMapping) bool {
	return a.GetName() == b.GetName() && a.GetEach() == b.GetEach()
}

// sameRow compares all but the descriptions.
func sameRow(a, b *catalogv1.FieldMapping) bool {
	if !sameKey(a, b) {
		return false
	}
	a, b = proto.CloneOf(a), proto.CloneOf(b)
	a.Description, b.Description = "", ""
	return proto.Equal(a, b)
}

// fills lists the rows that fill an output field, wherever in a list it is.
func (d *Definition) fills(row string) []plan.Field {
	var rows []plan.Field
	for _, f := range d.Fields {
		if rowName(f.Mapping.GetName()) == row {
			rows = append(rows, f)
		}
	}
	return rows
}

// empty says why nothing fills an output field; empty when something does.
func (d *Definition) empty(row string) (why string) {
	if own := d.Spec.GetCustomFields().GetName(); own != "" && topOf(row) == own || len(d.fills(row)) > 0 {
		return ""
	}
	for _, gone := range slices.Backward(d.Removed) {
		if rowName(gone.Name) == row || topOf(gone.Name) == row {
			return fmt.Sprintf("the override of the %s removes the field %s", gone.Layer, row)
		}
	}
	return fmt.Sprintf("nothing fills the field %s", row)
}
