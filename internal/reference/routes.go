package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// loadImage reads the descriptors with their comments.
func loadImage(name string) (*protoregistry.Files, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(b, &set); err != nil {
		return nil, err
	}
	return protodesc.NewFiles(&set)
}

func writeRoutes(w *bytes.Buffer, files *protoregistry.Files) error {
	w.WriteString("# Routes and procedures\n\nEvery procedure is served as gRPC, gRPC-Web and Connect under `/<service>/<method>`, and as REST under the routes named. " +
		"JSON uses the field names below; a body may also give them in lowerCamelCase, as clients made from the protos do (proto3 JSON), and answers never do. REST query parameters are the fields of the request that stand neither in the path nor in the body; `name_gt` is written `name[gt]`.\n")
	for _, s := range publicServices(files) {
		fmt.Fprintf(w, "\n## %s\n\n%s\n", s.FullName(), comment(s))
		for i := range s.Methods().Len() {
			writeMethod(w, s.Methods().Get(i))
		}
	}
	return nil
}

func publicServices(files *protoregistry.Files) []protoreflect.ServiceDescriptor {
	var all []protoreflect.ServiceDescriptor
	files.RangeFiles(func(fd protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(string(fd.Package()), "sando.") && !strings.HasPrefix(string(fd.Package()), "sando.internal.") {
			for i := range fd.Services().Len() {
				all = append(all, fd.Services().Get(i))
			}
		}
		return true
	})
	slices.SortFunc(all, func(a, b protoreflect.ServiceDescriptor) int { return cmp.Compare(a.FullName(), b.FullName()) })
	return all
}

func writeMethod(w *bytes.Buffer, m protoreflect.MethodDescriptor) {
	fmt.Fprintf(w, "\n### %s\n\n", m.Name())
	for _, route := range routesOf(m) {
		fmt.Fprintf(w, "`%s`  \n", route)
	}
	fmt.Fprintf(w, "\n%s\n", comment(m))
	writeFields(w, "Request", m.Input())
	writeFields(w, "Response", m.Output())
}

func routesOf(m protoreflect.MethodDescriptor) []string {
	rule, ok := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule == nil {
		return nil
	}
	var routes []string
	for _, r := range append([]*annotations.HttpRule{rule}, rule.AdditionalBindings...) {
		switch p := r.Pattern.(type) {
		case *annotations.HttpRule_Get:
			routes = append(routes, "GET "+p.Get)
		case *annotations.HttpRule_Post:
			routes = append(routes, "POST "+p.Post)
		case *annotations.HttpRule_Put:
			routes = append(routes, "PUT "+p.Put)
		case *annotations.HttpRule_Patch:
			routes = append(routes, "PATCH "+p.Patch)
		case *annotations.HttpRule_Delete:
			routes = append(routes, "DELETE "+p.Delete)
		}
	}
	return routes
}

func writeFields(w *bytes.Buffer, title string, m protoreflect.MessageDescriptor) {
	if m.Fields().Len() == 0 {
		return
	}
	fmt.Fprintf(w, "\n| %s field | type | meaning |\n|---|---|---|\n", title)
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		fmt.Fprintf(w, "| `%s` | %s | %s |\n", f.Name(), typeOf(f), cell(comment(f)))
	}
}

func typeOf(f protoreflect.FieldDescriptor) string {
	name := f.Kind().String()
	switch {
	case f.IsMap():
		return "map"
	case f.Message() != nil && f.Message().FullName() == "sando.rpc.v1.RawJson":
		name = "JSON"
	case f.Message() != nil && f.Message().FullName() == "google.protobuf.ListValue":
		return "list"
	case f.Message() != nil:
		name = string(f.Message().Name())
	}
	if f.IsList() {
		return "list of " + name
	}
	return name
}

func comment(d protoreflect.Descriptor) string {
	loc := d.ParentFile().SourceLocations().ByDescriptor(d)
	return strings.Join(strings.Fields(loc.LeadingComments), " ")
}
