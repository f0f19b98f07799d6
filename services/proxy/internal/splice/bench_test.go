package splice

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"
	"testing/iotest"
)

// usersBody is an answer of about 600 bytes a user.
func usersBody(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"users":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"idOrg":10,"firstName":"Given%d","lastName":"Family%d","email":"given%d.family@example.com",`+
			`"creationTime":"2020-01-01T00:00:00.000Z","idRole":1,"role":"Admin","lifecycleStatus":"active",`+
			`"isDeletedInIdentitySources":false,"isExternal":false,"activeAppsCount":12,"additionalEmails":["g%d@example.org","f%d@example.net"],`+
			`"gsuite_address":"1 Long Street, Springfield","okta_department":"Engineering and Operations","c_cost_center_1":"CC-%08d",`+
			`"c_location_2":"Building 7, floor 3, desk 112","c_manager_3":"boss%d@example.com","c_notes_4":"a plain remark that says nothing much"}`,
			1000+i, i, i, i, i, i, i, i)
	}
	fmt.Fprintf(&b, `],"count":%d,"total":%d,"nextCursor":"WzE0NjM1Mzg4NTcsIjY1NDMyMyJd"}`, n, n)
	return b.Bytes()
}

func BenchmarkCopy(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		body := usersBody(n)
		for name, w := range map[string]Window{"plain": {}, "limit": {Limit: n}, "lines": {Lines: true}} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				src := bytes.NewReader(body)
				for b.Loop() {
					src.Reset(body)
					if page, err := users.Copy(io.Discard, src, w); err != nil || page.Rows != n {
						b.Fatal(page.Rows, err)
					}
				}
			})
		}
	}
}

// TestCopyIsFlat holds the memory of a page of 20,000 users against one of 100.
func TestCopyIsFlat(t *testing.T) {
	small, large := allocated(t, usersBody(100)), allocated(t, usersBody(20_000))
	if large > small+small/7 {
		t.Errorf("20,000 users took %d bytes, 100 users %d: more than 1.15 times", large, small)
	}
}

// allocated measures the memory that one copy takes from an empty pool.
func allocated(t *testing.T, body []byte) uint64 {
	t.Helper()
	src := iotest.HalfReader(bytes.NewReader(body))
	// Two collections empty the pool of buffers.
	runtime.GC()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := users.Copy(io.Discard, src, Window{}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
