module github.com/sando-dev/sando/access

go 1.26.0

require (
	github.com/sando-dev/sando/gen v0.0.0
	github.com/sando-dev/sando/kit v0.0.0
)

replace (
	github.com/sando-dev/sando/gen => ../gen
	github.com/sando-dev/sando/kit => ../kit
)
