package edge

import (
	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/grpcreflect/v2"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// mountReflection describes the services of this mux and nothing else: the
// same binary may hold the schemas of internal services.
func (m *Mux) mountReflection() {
	files := &protoregistry.Files{}
	for _, srv := range m.servers {
		for spec := range srv.Specs() {
			if md, ok := spec.Schema.(protoreflect.MethodDescriptor); ok {
				addFile(files, md.ParentFile())
			}
		}
	}
	srv := connect.NewServer(m.shaping())
	grpcreflect.Register(srv,
		grpcreflect.WithNamer(namer(m.services)),
		grpcreflect.WithDescriptorResolver(files),
	)
	connecthttp.Mount(m.rpc, srv, m.rpcOptions()...)
}

// addFile adds a schema file and all that it imports.
func addFile(files *protoregistry.Files, fd protoreflect.FileDescriptor) {
	if _, err := files.FindFileByPath(fd.Path()); err == nil {
		return
	}
	for i := range fd.Imports().Len() {
		addFile(files, fd.Imports().Get(i).FileDescriptor)
	}
	// Files that are linked into one binary do not clash.
	_ = files.RegisterFile(fd)
}

type namer []string

func (n namer) Names() []string { return n }
