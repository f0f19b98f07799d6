package mcp_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/services/mcp"
)

// configType names the configuration where the SDK's package has the name mcp.
type configType = mcp.Config

func protoCmp() cmp.Option { return protocmp.Transform() }

func rawJSON(s string) *rpcv1.RawJson { return &rpcv1.RawJson{Json: []byte(s)} }

// errPanic is an error without anything public.
var errPanic = errors.New("a private cause")

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// eventually asks until the answer is as wanted; revocations take up to a second.
func eventually[T any](t *testing.T, ask func() (T, bool)) T {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 300 {
		if v, ok := ask(); ok {
			return v
		}
		<-tick.C
	}
	v, _ := ask()
	return v
}
