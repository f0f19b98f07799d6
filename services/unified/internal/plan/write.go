package plan

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// openLength leaves room for the length of what follows.
func openLength(dst []byte) (_ []byte, mark int) {
	return append(dst, 0), len(dst) + 1
}

// closeLength writes the length of what came since mark, and moves it when the length takes more than one byte.
func closeLength(dst []byte, mark int) []byte {
	n := len(dst) - mark
	if n < 0x80 {
		dst[mark-1] = byte(n)
		return dst
	}
	var head [10]byte
	length := protowire.AppendVarint(head[:0], uint64(n))
	dst = append(dst, length[1:]...)
	copy(dst[mark-1+len(length):], dst[mark:mark+n])
	copy(dst[mark-1:], length)
	return dst
}

// appendRaw appends a RawJson field: its only field, number 1, holds the bytes.
func appendRaw(dst, tag, json []byte) []byte {
	dst = append(dst, tag...)
	dst = protowire.AppendVarint(dst, uint64(1+protowire.SizeBytes(len(json))))
	dst = protowire.AppendTag(dst, 1, protowire.BytesType)
	return protowire.AppendBytes(dst, json)
}

// appendTime appends a Timestamp field.
func appendTime(dst, tag []byte, c *cell) []byte {
	dst = append(dst, tag...)
	dst, mark := openLength(dst)
	if c.integer != 0 {
		dst = protowire.AppendTag(dst, 1, protowire.VarintType)
		dst = protowire.AppendVarint(dst, uint64(c.integer))
	}
	if c.nanos != 0 {
		dst = protowire.AppendTag(dst, 2, protowire.VarintType)
		dst = protowire.AppendVarint(dst, uint64(c.nanos))
	}
	return closeLength(dst, mark)
}

// object appends a JSON object made of members, and nothing when none has a value.
func (r *Runner) object(dst []byte, o *output, f *frame) (_ []byte, filled bool, err error) {
	json, c := []byte{'{'}, &r.cell
	for _, m := range o.children {
		found, err := r.value(m.rule, f, c)
		if err != nil {
			return dst, false, err
		}
		if found == stateAbsent {
			continue
		}
		if len(json) > 1 {
			json = append(json, ',')
		}
		json = appendJSON(append(json, m.quoted...), m.rule.convert, c, &r.scratch)
		filled = filled || found == stateFilled
	}
	if len(json) == 1 {
		return dst, false, nil
	}
	return appendRaw(dst, o.tag, append(json, '}')), filled, nil
}

// appendJSON appends a converted value as JSON.
func appendJSON(dst []byte, convert conversion, c *cell, s *scratch) []byte {
	switch convert {
	case toText, toLower:
		return records.AppendQuoted(dst, c.text)
	case toInt:
		return strconv.AppendInt(dst, c.integer, 10)
	case toBool, toNot:
		return strconv.AppendBool(dst, c.boolean)
	case toTime:
		dst = append(dst, '"')
		dst = time.Unix(c.integer, int64(c.nanos)).UTC().AppendFormat(dst, time.RFC3339Nano)
		return append(dst, '"')
	case toTexts:
		dst = append(dst, '[')
		first := true
		c.eachText(s, func(t []byte) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = records.AppendQuoted(dst, t)
		})
		return append(dst, ']')
	default:
		return append(dst, c.text...)
	}
}
