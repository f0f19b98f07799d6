package edge

import (
	"log/slog"
	"net"
	"sync"
)

// crowd limits the connections at once from one address. It closes what comes
// above the limit before a byte of it is read.
type crowd struct {
	net.Listener
	limit int
	log   *slog.Logger

	mu   sync.Mutex
	open map[string]int
	// full are the addresses that are at the limit, each said once in the log.
	full map[string]bool
}

func newCrowd(l net.Listener, limit int, log *slog.Logger) *crowd {
	return &crowd{Listener: l, limit: limit, log: log, open: map[string]int{}, full: map[string]bool{}}
}

// Accept gives the next connection that is within the limit.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address, _, err := net.SplitHostPort(conn.RemoteAddr().String())
		if err != nil {
			return conn, nil // no address to count by
		}
		if c.enter(address) {
			return &member{halfCloser: halfCloser{conn}, leave: sync.OnceFunc(func() { c.leave(address) })}, nil
		}
		// Nobody waits for the end of a connection that was refused.
		_ = conn.Close()
	}
}

func (c *crowd) enter(address string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[address] < c.limit {
		c.open[address]++
		return true
	}
	if !c.full[address] {
		c.full[address] = true
		c.log.Warn("connections refused: one address has max_connections_per_address of them", "address", address, "limit", c.limit)
	}
	return false
}

func (c *crowd) leave(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[address]--
	if c.open[address] <= c.limit/2 {
		// Far enough below the limit to be worth another line when it is reached.
		delete(c.full, address)
	}
	if c.open[address] == 0 {
		delete(c.open, address)
	}
}

// member is a connection that counts until it is closed.
type member struct {
	halfCloser
	leave func()
}

// Close ends the connection.
func (m *member) Close() error {
	m.leave()
	return m.Conn.Close()
}
