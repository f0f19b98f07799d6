# The only task runner. `make help` lists what there is.
SHELL := /bin/bash -euo pipefail
.DEFAULT_GOAL := help

MODULES  = $(shell go list -m -f '{{.Dir}}/...')
BINARIES := sando=./cmd/sando sando-dev=./cmd/sando-dev \
	authd=./services/auth/cmd/authd proxyd=./services/proxy/cmd/proxyd \
	unifiedd=./services/unified/cmd/unifiedd mcpd=./services/mcp/cmd/mcpd \
	torii-emulator=./emulator/cmd/torii-emulator
FIXTURES := mcp-conformance=./services/mcp/internal/conformance/cmd/mcp-conformance
ARGS ?=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## start everything with a stand-in Torii and a linked account on 127.0.0.1:8080 (ARGS="--users 1000")
	go run ./cmd/sando-dev $(ARGS)

build: ## put every binary into bin/
	@for b in $(BINARIES); do echo "bin/$${b%%=*}"; \
		CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "bin/$${b%%=*}" "$${b#*=}"; done

test: testenv tools build ## run every test that a commit must pass
	@for b in $(FIXTURES); do go build -o "bin/fixtures/$${b%%=*}" "$${b#*=}"; done
	go vet $(MODULES)
	go test -timeout 12m $(MODULES)

testenv: ## find or install what the tests need besides Go
	@tools/testenv.sh

soak: testenv build ## run the long tests; results go to docs/reference/soak.md
	SANDO_SOAK=30m go test -count=1 -timeout 3h -run "Soak" -v ./internal/e2e/...
	SANDO_KILL_ROUNDS=300 go test -count=1 -timeout 1h -run "Kill" -v ./services/auth/...

kube-dryrun: ## apply the chart's renderings to a real kube-apiserver, as a dry run (builds one first, which takes minutes)
	tools/kubernetes/dryrun.sh

fuzz: ## run every fuzz target for FUZZTIME each (default 10m)
	@tools/fuzz.sh $${FUZZTIME:-10m}

bench: build ## measure sando beside its peers; needs nginx and Node (see bench/README.md)
	go -C bench run . $(ARGS)

gen: tools ## regenerate everything that is generated
	bin/tools/vendorproto third_party/proto google/api/annotations.proto google/api/http.proto buf/validate/validate.proto
	bin/tools/buf format -w proto
	bin/tools/buf generate
	bin/tools/buf build -o bin/image.binpb && go run ./internal/reference bin/image.binpb docs/reference

lint: tools ## check formatting, protos and Go
	bin/tools/buf lint
	@files=$$(git ls-files '*.go' | grep -v -e '^gen/' | xargs bin/tools/gofumpt -l); \
		if [ -n "$$files" ]; then echo "not gofumpt-formatted (run: make fmt):"; echo "$$files"; exit 1; fi
	bin/tools/staticcheck $(MODULES)

fmt: tools ## format protos and Go
	bin/tools/buf format -w proto
	git ls-files '*.go' | grep -v -e '^gen/' | xargs bin/tools/gofumpt -w

tools: bin/tools/.stamp
bin/tools/.stamp: $(wildcard tools/*/go.mod tools/*/*/go.mod tools/*/*.go tools/*/*/*.go)
	@mkdir -p bin/tools
	GOWORK=off go -C tools/buf build -o ../../bin/tools/ tool
	GOWORK=off go -C tools/plugins build -o ../../bin/tools/ tool
	GOWORK=off go -C tools/lint build -o ../../bin/tools/ tool
	GOWORK=off go -C tools/kubernetes build -o ../../bin/tools/ tool ./kubeschemas
	GOWORK=off go -C tools/kubernetes/score build -o ../../../bin/tools/ tool
	GOWORK=off go -C tools/container build -o ../../bin/tools/ tool ./ociimage
	GOWORK=off go -C tools/observability build -o ../../bin/tools/ ./promnames
	GOWORK=off go -C tools/collector build -ldflags '-s -w' -o ../../bin/tools/ ./otelcol
	GOWORK=off go -C tools/vendorproto build -o ../../bin/tools/vendorproto .
	@touch $@

.PHONY: help run build test testenv soak kube-dryrun fuzz bench gen lint fmt tools
