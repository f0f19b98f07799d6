package emulator

import "sync"

// maxRendered bounds how many answers the bench mode keeps.
const maxRendered = 1024

// rendered keeps finished answers for the bench mode, so that a load test measures its client rather than us.
type rendered struct {
	mu      sync.RWMutex
	replies map[string]reply
}

// get returns a kept answer, or makes one and keeps it when it is a success. Outside bench mode it only makes one.
func (rd *rendered) get(c *call, make func() (reply, error)) (reply, error) {
	if !c.e.opts.Bench || c.paging != (paging{}) {
		return make()
	}
	key := itoa(c.org.ID) + " " + c.r.Header.Get("X-API-Version") + " " + c.r.URL.RequestURI()
	rd.mu.RLock()
	kept, ok := rd.replies[key]
	rd.mu.RUnlock()
	if ok {
		return kept.fresh(), nil
	}
	rep, err := make()
	if err != nil || rep.status != 200 {
		return rep, err
	}
	rep.packed = sync.OnceValue(func() []byte { return compress(rep.body) })
	rd.mu.Lock()
	defer rd.mu.Unlock()
	if rd.replies == nil || len(rd.replies) >= maxRendered {
		rd.replies = map[string]reply{}
	}
	rd.replies[key] = rep
	return rep.fresh(), nil
}

// fresh is a copy whose headers may be added to.
func (rep reply) fresh() reply {
	rep.header = rep.header.Clone()
	return rep
}

// clear forgets everything, because something was written.
func (rd *rendered) clear() {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	rd.replies = nil
}
