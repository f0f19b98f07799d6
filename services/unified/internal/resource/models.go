package resource

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	ssov1 "github.com/sando-dev/sando/gen/sando/unified/sso/v1"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
)

// messages are those that a mapping may fill. A new model joins here.
func messages() []proto.Message {
	return []proto.Message{
		&userdirectoryv1.Organization{}, &userdirectoryv1.Role{}, &userdirectoryv1.User{},
		&ssov1.App{}, &ssov1.AppUser{},
	}
}

func messageNamed(name protoreflect.FullName) (protoreflect.MessageType, bool) {
	for _, m := range messages() {
		if m.ProtoReflect().Descriptor().FullName() == name {
			return m.ProtoReflect().Type(), true
		}
	}
	return nil, false
}
