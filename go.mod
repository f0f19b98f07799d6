module github.com/sando-dev/sando

go 1.26.8

require (
	github.com/sando-dev/sando/gen v0.0.0
	golang.org/x/mod v0.42.0
	google.golang.org/genproto/googleapis/api v0.0.0-20261026165753-2ffab32bce7e
	google.golang.org/protobuf v1.36.12
)

require (
	buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go v1.36.12-20260825204119-511051f7f437.2 // indirect
	github.com/grpc-ecosystem/grpc-gateway/v2 v2.33.0 // indirect
	golang.org/x/net v0.61.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261019180522-ce908d29299b // indirect
	google.golang.org/grpc v1.85.0 // indirect
)

replace (
	github.com/sando-dev/sando/access => ./access
	github.com/sando-dev/sando/catalog => ./catalog
	github.com/sando-dev/sando/emulator => ./emulator
	github.com/sando-dev/sando/gen => ./gen
	github.com/sando-dev/sando/kit => ./kit
	github.com/sando-dev/sando/services/auth => ./services/auth
	github.com/sando-dev/sando/services/mcp => ./services/mcp
	github.com/sando-dev/sando/services/proxy => ./services/proxy
	github.com/sando-dev/sando/services/unified => ./services/unified
)
