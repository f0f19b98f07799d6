package splice

import (
	"errors"
	"fmt"
)

// Callers read these texts, so they do not name the package.
var (
	// ErrNoData means that the body is JSON but has none of the data keys.
	ErrNoData = errors.New("the body has no data")
	// ErrShape means that the data is not of the kind the catalog names.
	ErrShape = errors.New("the data has another shape")
	// ErrNoList means that rows were to be written one a line, and the data is no list.
	ErrNoList = errors.New("the data is no list")
	// ErrCursor means that the next cursor is neither text nor null.
	ErrCursor = errors.New("the next cursor is neither text nor null")
	// ErrAggregations means that the aggregations are larger than is kept.
	ErrAggregations = errors.New("the aggregations have more than 1 MiB")
	// ErrTruncated means that the body ended inside of its value.
	ErrTruncated = errors.New("the body broke off")
)

// A MalformedError says where a body stops being JSON.
type MalformedError struct {
	Offset int64 // counted from 1
	Reason string
}

func (e *MalformedError) Error() string {
	return fmt.Sprintf("the body is not JSON at byte %d: %s", e.Offset, e.Reason)
}

// A WriteError means that the receiver of the data failed, not its source.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return "write: " + e.Err.Error() }

// Unwrap gives the writer's error.
func (e *WriteError) Unwrap() error { return e.Err }
