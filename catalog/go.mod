module github.com/sando-dev/sando/catalog

go 1.26.8

require github.com/sando-dev/sando/gen v0.0.0

require (
	github.com/google/go-cmp v0.7.0 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/sando-dev/sando/gen => ../gen
