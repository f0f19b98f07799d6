package upstream

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"sync"
	"time"
)

// origin is where a connection leads.
type origin struct{ scheme, host string }

// address is what to dial.
func (o origin) address() string {
	if _, _, err := net.SplitHostPort(o.host); err == nil {
		return o.host
	}
	port := "80"
	if o.scheme == "https" {
		port = "443"
	}
	// A literal IPv6 address comes in brackets, which JoinHostPort adds.
	host := o.host
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	return net.JoinHostPort(host, port)
}

// A pool keeps connections that are not in use.
type pool struct {
	cfg    *Config
	dialer *dialer
	log    *slog.Logger

	mu      sync.Mutex
	origins map[origin]*berth
	idle    int
	sweeper *time.Timer // set while anything is idle
}

// A berth is the part of a pool for one origin.
type berth struct {
	idle []*lane       // the last used is the first to go out
	open chan struct{} // holds an element per connection; nil without a bound
	busy int           // calls that hold or await a connection
	wary time.Time     // no connection is kept until then
}

// wariness is how long no connection to an origin is kept after it has sent
// bytes that nobody asked for. A probe cannot tell such bytes from an answer
// once they arrive after a request has left: what sends them once may do that
// next time.
const wariness = time.Minute

func newPool(cfg *Config, d *dialer, log *slog.Logger) *pool {
	return &pool{cfg: cfg, dialer: d, log: log, origins: make(map[origin]*berth)}
}

// idleLane gives an idle connection that is alive; nil where there is none, or
// no leave to use it without waiting.
func (p *pool) idleLane(o origin) *lane {
	b := p.enter(o)
	if b.open != nil {
		select {
		case b.open <- struct{}{}:
		default:
			p.leave(o, b)
			return nil
		}
	}
	if l := p.popQuiet(o, b); l != nil {
		return l
	}
	p.release(o, b)
	return nil
}

// get gives an idle connection that is alive, or a new one.
func (p *pool) get(ctx context.Context, o origin) (*lane, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b := p.enter(o)
	if b.open != nil {
		select {
		case b.open <- struct{}{}:
		case <-ctx.Done():
			p.leave(o, b)
			return nil, ctx.Err()
		}
	}
	if l := p.popQuiet(o, b); l != nil {
		return l, nil
	}
	l, err := p.dial(ctx, o)
	if err != nil {
		p.release(o, b)
		return nil, err
	}
	return l, nil
}

// popQuiet takes an idle connection that can be used; nil when there is none.
func (p *pool) popQuiet(o origin, b *berth) *lane {
	for {
		l := p.pop(b)
		if l == nil {
			return nil
		}
		found := l.probe()
		if found == quiet {
			l.reused = true
			return l
		}
		// It is of no use: how it closes does not matter.
		_ = l.Close()
		if found == surplus {
			p.distrust(o)
		}
	}
}

// distrust drops the idle connections of an origin that has sent bytes nobody
// asked for, and has none kept for a while.
func (p *pool) distrust(o origin) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.origins[o]
	if b == nil {
		return
	}
	now := time.Now()
	if now.After(b.wary) {
		p.log.Warn("the provider sends more than its answers: its connections are not used twice for a while", "host", o.host, "for", wariness)
	}
	b.wary = now.Add(wariness)
	p.closeIdle(o, b, now)
}

// enter counts a call of an origin.
func (p *pool) enter(o origin) *berth {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.origins[o]
	if b == nil {
		b = &berth{}
		if p.cfg.ConnsPerOrigin > 0 {
			b.open = make(chan struct{}, p.cfg.ConnsPerOrigin)
		}
		p.origins[o] = b
	}
	b.busy++
	return b
}

// leave is the opposite of enter. An origin that nothing is kept for goes.
func (p *pool) leave(o origin, b *berth) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.busy--
	p.tidy(o, b)
}

func (p *pool) tidy(o origin, b *berth) {
	if b.busy == 0 && len(b.idle) == 0 && !time.Now().Before(b.wary) {
		delete(p.origins, o)
	}
}

// release lets the next one in that waits for a connection.
func (p *pool) release(o origin, b *berth) {
	if b.open != nil {
		<-b.open
	}
	p.leave(o, b)
}

// pop takes an idle connection that is not too old; nil when there is none.
func (p *pool) pop(b *berth) *lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(b.idle)
	if n == 0 {
		return nil
	}
	l := b.idle[n-1]
	b.idle[n-1] = nil
	b.idle = b.idle[:n-1]
	p.idle--
	return l
}

func (p *pool) dial(ctx context.Context, o origin) (*lane, error) {
	open := p.dialer.plain
	if o.scheme == "https" {
		open = p.dialer.secure
	}
	c, err := open(ctx, "tcp", o.address())
	if err != nil {
		return nil, err
	}
	l := &lane{conn: c.(*conn), pool: p, origin: o, in: &source{from: c}}
	l.reader = bufio.NewReaderSize(l.in, 16<<10)
	l.writer = bufio.NewWriterSize(l.conn, 4<<10)
	return l, nil
}

// put keeps a connection for the next call, if it holds nothing by now. One
// that cannot be asked without waiting is asked before that call.
func (p *pool) put(l *lane) {
	if l.socket.raw != nil {
		if found := l.probe(); found != quiet {
			if found == surplus {
				p.distrust(l.origin)
			}
			p.discard(l)
			return
		}
	}
	now := time.Now()
	p.mu.Lock()
	b := p.origins[l.origin]
	kept := len(b.idle) < p.cfg.IdlePerOrigin && now.After(b.wary)
	if kept {
		l.since = now
		b.idle = append(b.idle, l)
		if p.idle++; p.sweeper == nil {
			p.sweeper = time.AfterFunc(p.cfg.IdleTimeout, p.sweep)
		}
	}
	p.mu.Unlock()
	if !kept {
		_ = l.Close() // one too many, or not to be trusted: nothing is lost
	}
	p.release(l.origin, b)
}

// discard closes a connection that is of no further use.
func (p *pool) discard(l *lane) {
	_ = l.Close() // it may be broken, which is why
	p.mu.Lock()
	b := p.origins[l.origin]
	p.mu.Unlock()
	p.release(l.origin, b)
}

// sweep closes what has been idle for too long.
func (p *pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for o, b := range p.origins {
		p.closeIdle(o, b, time.Now().Add(-p.cfg.IdleTimeout))
	}
	p.sweeper = nil
	if p.idle > 0 {
		p.sweeper = time.AfterFunc(p.cfg.IdleTimeout/2, p.sweep)
	}
}

// drain closes everything that is idle.
func (p *pool) drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for o, b := range p.origins {
		p.closeIdle(o, b, time.Now())
	}
	if p.sweeper != nil {
		p.sweeper.Stop()
		p.sweeper = nil
	}
}

// closeIdle closes what has been idle at an origin since before the time
// given. The caller holds the lock.
func (p *pool) closeIdle(o origin, b *berth, before time.Time) {
	kept := b.idle[:0]
	for _, l := range b.idle {
		if l.since.After(before) {
			kept = append(kept, l)
			continue
		}
		_ = l.Close() // nobody uses it
		p.idle--
	}
	clear(b.idle[len(kept):])
	b.idle = kept
	p.tidy(o, b)
}
