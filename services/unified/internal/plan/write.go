package plan

import (
	"bytes"
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
func (r *Runner) object(dst []byte, o *output, f *records.Finder) (_ []byte, filled bool, err error) {
	json, any, filled, err := r.members(o, f)
	if err != nil || !any {
		return dst, false, err
	}
	return appendRaw(dst, o.tag, json), filled, nil
}

// members makes the JSON object of an output whose members have rules of their own.
func (r *Runner) members(o *output, f *records.Finder) (json []byte, any, filled bool, err error) {
	c := &r.cell
	json = append(r.buffer[:0], '{')
	for _, m := range o.children {
		found, err := r.value(m.rule, f, c)
		if err != nil {
			return nil, false, false, err
		}
		if found == stateAbsent {
			continue
		}
		json = appendJSON(m.opening.append(json), m.rule.convert, c, &r.scratch)
		filled = filled || found == stateFilled
	}
	r.buffer = append(json, '}')
	return r.buffer, len(json) > 1, filled, nil
}

// appendTime appends a time as protobuf's JSON writes it: in UTC, with 0, 3, 6 or 9 digits of a second.
func (c *cell) appendTime(dst []byte) []byte {
	dst = append(dst, '"')
	if c.text != nil {
		dst = append(dst, bytes.TrimSuffix(c.text, []byte{'Z'})...)
		return append(dst, 'Z', '"')
	}
	dst = time.Unix(c.integer, 0).UTC().AppendFormat(dst, "2006-01-02T15:04:05")
	if c.nanos != 0 {
		digits, n := 9, int64(c.nanos)
		for digits > 3 && n%1000 == 0 {
			digits, n = digits-3, n/1000
		}
		text := strconv.FormatInt(n, 10)
		dst = append(append(dst, '.'), "000000000"[:digits-len(text)]...)
		dst = append(dst, text...)
	}
	return append(dst, 'Z', '"')
}
