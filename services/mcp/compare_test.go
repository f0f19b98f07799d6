package mcp_test

import (
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/services/mcp"
)

// configType names the configuration where the SDK's package has the name mcp.
type configType = mcp.Config

func protoCmp() cmp.Option { return protocmp.Transform() }

func rawJSON(s string) *rpcv1.RawJson { return &rpcv1.RawJson{Json: []byte(s)} }
