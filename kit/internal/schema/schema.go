// Package schema compiles protobuf source inside tests, so that a test shows
// the messages it is about.
package schema

import (
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Parse compiles one file. It may import the well-known types.
func Parse(t testing.TB, source string) protoreflect.FileDescriptor {
	t.Helper()
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"test.proto": source}),
	})}
	files, err := compiler.Compile(t.Context(), "test.proto")
	if err != nil {
		t.Fatal(err)
	}
	return files[0]
}

// Message makes an empty message of a type in the file.
func Message(t testing.TB, fd protoreflect.FileDescriptor, name protoreflect.Name) *dynamicpb.Message {
	t.Helper()
	md := fd.Messages().ByName(name)
	if md == nil {
		t.Fatalf("%s has no message %s", fd.Path(), name)
	}
	return dynamicpb.NewMessage(md)
}
