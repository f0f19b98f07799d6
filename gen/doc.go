// Package gen is the root of the code generated from proto/. Nothing below it is edited by hand: change the .proto file and
// run `make gen`.
package gen
