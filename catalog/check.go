package catalog

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/catalog/internal/nearest"
	"github.com/sando-dev/sando/catalog/internal/yamlpb"
)

// checker collects the faults of one file beyond those that its decoder sees.
type checker struct {
	loader      *loader
	file        *yamlpb.File
	integration *catalogv1.Integration
	resource    *catalogv1.ResourceFile
	failed      bool
}

var (
	snakeName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	kebabName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
)

func (c *checker) fail(m proto.Message, field, format string, args ...any) {
	c.failed = true
	c.loader.fail(c.file.Problem(m, field, format, args...))
}

// present refuses an empty text.
func (c *checker) present(m proto.Message, field, value string) {
	if strings.TrimSpace(value) == "" {
		c.fail(m, field, "is missing")
	}
}

// sentence refuses a text that is missing, not trimmed, or does not end like a sentence: descriptions are put one after the other.
func (c *checker) sentence(m proto.Message, field, value string) {
	switch {
	case value == "":
		c.fail(m, field, "is missing")
	case value != strings.TrimSpace(value) || strings.Contains(value, "\n"):
		c.fail(m, field, "is one line without spaces around it")
	case !strings.HasSuffix(value, "."):
		c.fail(m, field, "ends with a full stop")
	}
}

func (c *checker) equal(m proto.Message, field, got, want string) {
	if got != want {
		c.fail(m, field, "is %q but the file's place says %q", got, want)
	}
}

// oneOf refuses a value outside a closed set.
func (c *checker) oneOf(m proto.Message, field, value string, set ...string) {
	if !slices.Contains(set, value) {
		c.fail(m, field, "%q is not one of %s%s", value, strings.Join(set, ", "), nearest.Hint(value, set))
	}
}

// derived refuses a value that only the loader may fill in.
func (c *checker) derived(m proto.Message, field string, given bool) {
	if given {
		c.fail(m, field, "is filled in by the loader; leave it out")
	}
}

// pointer refuses what is not a JSON pointer (RFC 6901).
func (c *checker) pointer(m proto.Message, field, value string) {
	if _, err := ParsePointer(value); err != nil {
		c.fail(m, field, "%q is not a JSON pointer such as /name: %v", value, err)
	}
}

// pointers refuses a list of candidates with what is not a pointer, or with one twice.
func (c *checker) pointers(m proto.Message, field string, values []string) {
	for i, value := range values {
		at := fmt.Sprintf("%s[%d]", field, i)
		c.pointer(m, at, value)
		if slices.Contains(values[:i], value) {
			c.fail(m, at, "names %q twice", value)
		}
	}
}

// notNegative refuses a count below zero.
func (c *checker) notNegative(m proto.Message, field string, value int64) {
	if value < 0 {
		c.fail(m, field, "must not be negative")
	}
}

func (c *checker) json(m proto.Message, field, value string) {
	if !json.Valid([]byte(value)) {
		c.fail(m, field, "%q is not a JSON value; text needs quotes inside the quotes", value)
	}
}
