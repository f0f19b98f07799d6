package budget

// Contended tells that a replica has to lease the calls of a key.
func Contended(b Budget, k Key) bool {
	l := b.(*lines).find(k)
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.supply.(*shared).contended(l.clock()) != nil
}
