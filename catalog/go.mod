module github.com/sando-dev/sando/catalog

go 1.26.8

require (
	github.com/google/go-cmp v0.7.0
	github.com/google/jsonschema-go v0.4.3
	github.com/sando-dev/sando/gen v0.0.0
	go.yaml.in/yaml/v3 v3.0.6
	google.golang.org/protobuf v1.36.12
)

replace github.com/sando-dev/sando/gen => ../gen
