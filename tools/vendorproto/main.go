// Command vendorproto prints the .proto sources of descriptors that ship inside Go modules, so that third_party/proto
// needs no remote registry and moves only with a version in this module's go.mod.
//
// Usage: vendorproto OUT_DIR PROTO_PATH...
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	_ "google.golang.org/genproto/googleapis/api/annotations"

	"github.com/jhump/protoreflect/v2/protoprint"
	"google.golang.org/protobuf/reflect/protoregistry"
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: vendorproto OUT_DIR PROTO_PATH...")
	}
	for _, path := range os.Args[2:] {
		if err := write(os.Args[1], path); err != nil {
			log.Fatal(err)
		}
	}
}

func write(dir, path string) error {
	fd, err := protoregistry.GlobalFiles.FindFileByPath(path)
	if err != nil {
		return fmt.Errorf("%s: no imported Go package carries it: %w", path, err)
	}
	out := filepath.Join(dir, path)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	printer := &protoprint.Printer{Compact: true}
	if err := printer.PrintProtoFile(fd, f); err != nil {
		f.Close()
		return fmt.Errorf("%s: %w", path, err)
	}
	return f.Close()
}
