module github.com/sando-dev/sando/services/proxy

go 1.26.8

require (
	github.com/google/go-cmp v0.7.0
	github.com/sando-dev/sando/access v0.0.0
	github.com/sando-dev/sando/catalog v0.0.0
	github.com/sando-dev/sando/emulator v0.0.0
	github.com/sando-dev/sando/gen v0.0.0
	github.com/sando-dev/sando/kit v0.0.0
)

replace (
	github.com/sando-dev/sando/access => ../../access
	github.com/sando-dev/sando/catalog => ../../catalog
	github.com/sando-dev/sando/emulator => ../../emulator
	github.com/sando-dev/sando/gen => ../../gen
	github.com/sando-dev/sando/kit => ../../kit
)
