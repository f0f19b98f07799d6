package gateway

import (
	"encoding/base64"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/kit/quantity"
)

var (
	errBool      = errors.New("must be true or false")
	errInteger   = errors.New("must be an integer")
	errNumber    = errors.New("must be a number")
	errBase64    = errors.New("must be base64")
	errTimestamp = errors.New("must be a time such as 2026-01-31T12:00:00Z or a date such as 2026-01-31")
	errDuration  = errors.New("must be a duration such as 90s")
	errMessage   = errors.New("cannot be given in a query")
)

// parseValue reads the text of a query parameter as one value of a field.
func parseValue(fd protoreflect.FieldDescriptor, text string) (v protoreflect.Value, err error) {
	if isInteger(fd) && !quantity.Canonical(text) {
		return v, errInteger
	}
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text), nil
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(text == "true"), when(text != "true" && text != "false", errBool)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		n, err := strconv.ParseInt(text, 10, 32)
		return protoreflect.ValueOfInt32(int32(n)), when(err != nil, errInteger)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		n, err := strconv.ParseInt(text, 10, 64)
		return protoreflect.ValueOfInt64(n), when(err != nil, errInteger)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		n, err := strconv.ParseUint(text, 10, 32)
		return protoreflect.ValueOfUint32(uint32(n)), when(err != nil, errInteger)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		n, err := strconv.ParseUint(text, 10, 64)
		return protoreflect.ValueOfUint64(n), when(err != nil, errInteger)
	case protoreflect.FloatKind:
		f, err := strconv.ParseFloat(text, 32)
		return protoreflect.ValueOfFloat32(float32(f)), when(!finite(f, err), errNumber)
	case protoreflect.DoubleKind:
		f, err := strconv.ParseFloat(text, 64)
		return protoreflect.ValueOfFloat64(f), when(!finite(f, err), errNumber)
	case protoreflect.BytesKind:
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
		return protoreflect.ValueOfBytes(b), when(err != nil, errBase64)
	case protoreflect.EnumKind:
		return parseEnum(fd.Enum(), text)
	default:
		return parseMessage(fd.Message(), text)
	}
}

func isInteger(fd protoreflect.FieldDescriptor) bool {
	switch fd.Kind() {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind,
		protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return true
	default:
		return false
	}
}

func when(bad bool, err error) error {
	if bad {
		return err
	}
	return nil
}

func finite(f float64, err error) bool { return err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) }

func parseEnum(ed protoreflect.EnumDescriptor, text string) (v protoreflect.Value, err error) {
	if found := ed.Values().ByName(protoreflect.Name(text)); found != nil {
		return protoreflect.ValueOfEnum(found.Number()), nil
	}
	names := make([]string, ed.Values().Len())
	for i := range names {
		names[i] = string(ed.Values().Get(i).Name())
	}
	return v, errors.New("must be one of " + strings.Join(names, ", "))
}

func parseMessage(md protoreflect.MessageDescriptor, text string) (v protoreflect.Value, err error) {
	var m proto.Message
	switch md.FullName() {
	case "google.protobuf.Timestamp":
		m, err = parseTime(text)
	case "google.protobuf.Duration":
		d, bad := quantity.Duration(text, math.MaxInt64)
		m, err = durationpb.New(d), when(bad != nil, errDuration)
	case "google.protobuf.FieldMask":
		m = &fieldmaskpb.FieldMask{Paths: strings.FieldsFunc(text, func(r rune) bool { return r == ',' })}
	default:
		err = errMessage
	}
	if err != nil {
		return v, err
	}
	return protoreflect.ValueOfMessage(m.ProtoReflect()), nil
}

// parseTime reads RFC 3339, or a date, which is its first moment in UTC.
func parseTime(text string) (proto.Message, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			ts := timestamppb.New(t)
			return ts, when(!ts.IsValid(), errTimestamp)
		}
	}
	return nil, errTimestamp
}
