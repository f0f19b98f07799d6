package rpcerr_test

import (
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/rpcerr"
)

func TestNewTableRefuses(t *testing.T) {
	good := kittest.Errors(t).All()
	with := func(e rpcerr.Entry) []rpcerr.Entry { return append(slices.Clone(good), e) }
	valid := rpcerr.Entry{Code: "X", HTTP: 400, RPC: connect.CodeInvalidArgument, Text: "x"}
	change := func(f func(*rpcerr.Entry)) []rpcerr.Entry { e := valid; f(&e); return with(e) }
	if _, err := rpcerr.NewTable("sando", with(valid)); err != nil {
		t.Fatalf("a good table is refused: %v", err)
	}
	tests := map[string]struct {
		domain  string
		entries []rpcerr.Entry
		want    string
	}{
		"no domain":    {"", good, "domain"},
		"twice":        {"sando", with(good[0]), "twice"},
		"missing":      {"sando", good[1:], "lacks INTERNAL"},
		"no code":      {"sando", change(func(e *rpcerr.Entry) { e.Code = "" }), "no code"},
		"success":      {"sando", change(func(e *rpcerr.Entry) { e.HTTP = 200 }), "200"},
		"no status":    {"sando", change(func(e *rpcerr.Entry) { e.HTTP = 0 }), "not the status"},
		"odd status":   {"sando", change(func(e *rpcerr.Entry) { e.HTTP = 460 }), "460"},
		"odd rpc code": {"sando", change(func(e *rpcerr.Entry) { e.RPC = 17 }), "17"},
		"no text":      {"sando", change(func(e *rpcerr.Entry) { e.Text = "" }), "no text"},
	}
	for name, tt := range tests {
		if _, err := rpcerr.NewTable(tt.domain, tt.entries); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// schema is an enum with the option that FromEnum reads. %VALUES% is replaced.
const schema = `
name: "codes.proto" package: "t" syntax: "proto3" dependency: "google/protobuf/descriptor.proto"
message_type {
  name: "Fault"
  field { name: "http" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL }
  field { name: "rpc" number: 2 type: TYPE_INT32 label: LABEL_OPTIONAL }
  field { name: "text" number: 3 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "fix" number: 4 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "retryable" number: 5 type: TYPE_BOOL label: LABEL_OPTIONAL }
}
extension { name: "fault" number: 50001 type: TYPE_MESSAGE type_name: ".t.Fault" label: LABEL_OPTIONAL extendee: ".google.protobuf.EnumValueOptions" }
enum_type {
  name: "ErrorCode"
  value { name: "ERROR_CODE_UNSPECIFIED" number: 0 }
}`

// enum builds ErrorCode with the given entries as values.
func enum(t *testing.T, entries []rpcerr.Entry) (protoreflect.EnumDescriptor, protoreflect.ExtensionType) {
	t.Helper()
	var file descriptorpb.FileDescriptorProto
	if err := prototext.Unmarshal([]byte(schema), &file); err != nil {
		t.Fatal(err)
	}
	fd, err := protodesc.NewFile(&file, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	ext := dynamicpb.NewExtensionType(fd.Extensions().ByName("fault"))
	for i, e := range entries {
		fault := dynamicpb.NewMessage(fd.Messages().ByName("Fault"))
		set := func(name protoreflect.Name, v protoreflect.Value) {
			fault.Set(fault.Descriptor().Fields().ByName(name), v)
		}
		set("http", protoreflect.ValueOfInt32(int32(e.HTTP)))
		set("rpc", protoreflect.ValueOfInt32(int32(e.RPC)))
		set("text", protoreflect.ValueOfString(e.Text))
		set("fix", protoreflect.ValueOfString(e.Fix))
		set("retryable", protoreflect.ValueOfBool(e.Retryable))
		opts := &descriptorpb.EnumValueOptions{}
		if e.HTTP != 0 {
			proto.SetExtension(opts, ext, fault)
		}
		file.EnumType[0].Value = append(file.EnumType[0].Value, &descriptorpb.EnumValueDescriptorProto{
			Name: proto.String("ERROR_CODE_" + string(e.Code)), Number: proto.Int32(int32(i + 1)), Options: opts,
		})
	}
	if fd, err = protodesc.NewFile(&file, protoregistry.GlobalFiles); err != nil {
		t.Fatal(err)
	}
	return fd.Enums().ByName("ErrorCode"), ext
}

func TestFromEnum(t *testing.T) {
	want := kittest.Errors(t)
	ed, ext := enum(t, want.All())
	got, err := rpcerr.FromEnum(ed, ext, "sando")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.All(), want.All()) {
		t.Errorf("got %v\nwant %v", got.All(), want.All())
	}
	ed, ext = enum(t, append(want.All(), rpcerr.Entry{Code: "FORGOTTEN"}))
	if _, err := rpcerr.FromEnum(ed, ext, "sando"); err == nil || !strings.Contains(err.Error(), "ERROR_CODE_FORGOTTEN") {
		t.Errorf("a value without the option: %v", err)
	}
}
