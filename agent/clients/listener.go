package clients

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// How long a connection is left alone before it counts as slow or stuck.
const (
	askWithin      = 5 * time.Second        // for the first request to come
	headerPatience = 500 * time.Millisecond // for a TLS handshake to end, where places are short
	answerPatience = time.Second            // for an answer to be made and taken, likewise
	turnPatience   = 3 * time.Second        // for a large one, where others wait for their turn
	localPatience  = answerPatience / 10    // the same, where no network is in between
	lookAgain      = 20 * time.Millisecond  // where nobody can make room
)

// Options of Limit.
type Options struct {
	Places  int // connections that the server has at once
	Waiting int // connections beside them that have not asked yet
	// Owner says whose a connection is. Nil = the remote address; of IPv6 its first 64 bits.
	Owner func(net.Conn) string
	// Displaced is told of each connection that had to make room. It must not block.
	// Nil = nobody asks.
	Displaced func(owner string)
}

// Listener is a net.Listener with a bounded number of open connections. The http.Server
// on it needs Note as its ConnState, and Context as its ConnContext if it uses Hold. It is
// safe for concurrent use.
type Listener struct {
	net.Listener
	o Options

	mu      sync.Mutex
	waiting room
	places  room

	asking chan *conn    // those of waiting that have asked
	failed chan error    // of the listener below
	freed  chan struct{} // a place was freed, or its connection has become idle
	closed chan struct{}
	end    func()
}

// Limit bounds the connections of l. The Listener must be closed.
func Limit(l net.Listener, o Options) *Listener {
	if o.Owner == nil {
		o.Owner = address
	}
	out := &Listener{Listener: l, o: o, waiting: room{most: o.Waiting}, places: room{most: o.Places},
		asking: make(chan *conn), failed: make(chan error), freed: make(chan struct{}, 1), closed: make(chan struct{})}
	out.end = sync.OnceFunc(func() { close(out.closed) })
	go out.admit()
	return out
}

// admit takes connections from the listener below until it is closed.
func (l *Listener) admit() {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			select {
			case l.failed <- err:
				continue // the server waits before it asks again
			case <-l.closed:
				return
			}
		}
		c := &conn{Conn: nc, l: l, owner: l.o.Owner(nc), local: isLocal(nc), gone: make(chan struct{})}
		if l.enter(&l.waiting, c) {
			go c.await()
		}
	}
}

// await hands a connection to Accept once it has asked something.
func (c *conn) await() {
	c.Conn.SetReadDeadline(time.Now().Add(askWithin))
	tls, ok := asked(c.Conn)
	if !ok {
		c.Close()
		return
	}
	c.Conn.SetReadDeadline(time.Time{})
	c.l.mu.Lock()
	c.asks, c.tls = true, tls
	c.l.mu.Unlock()
	select {
	case c.l.asking <- c:
	case <-c.gone:
	case <-c.l.closed:
		c.Close()
	}
}

// Accept returns the next connection that asks something. Where there is no place for
// it, another one is closed; where all are at work, it waits until one can be.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	case err := <-l.failed:
		return nil, err
	case c := <-l.asking:
		if !l.enter(&l.places, c) {
			return nil, net.ErrClosed
		}
		return c, nil
	}
}

// enter gives c a place in a room, as soon as there is one. It returns false, and c is
// closed, if the listener is closed before.
func (l *Listener) enter(r *room, c *conn) bool {
	for !l.tryEnter(r, c) {
		select {
		case <-l.freed:
		case <-time.After(lookAgain):
		case <-l.closed:
			c.Close()
			return false
		}
	}
	return true
}

func (l *Listener) tryEnter(r *room, c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.left {
		return true // meanwhile: whoever uses it finds it closed
	}
	now := time.Now()
	if len(r.conns) >= r.most {
		out := r.least(c, now)
		if out == nil {
			return false
		}
		l.leave(out)
		if t, ok := out.Conn.(*net.TCPConn); ok && out.phase == fresh {
			t.SetLinger(0) // or the kernel would remember each connection of a flood for a minute
		}
		out.Conn.Close() // its goroutine sees the error and ends
		if l.o.Displaced != nil {
			l.o.Displaced(out.owner)
		}
	}
	l.waiting.remove(c)
	r.conns = append(r.conns, c)
	c.since = now
	return true
}

// leave frees the place of c; mu is held.
func (l *Listener) leave(c *conn) {
	if c.left {
		return
	}
	if l.waiting.remove(c) || l.places.remove(c) {
		l.signal()
	}
	c.left = true
	close(c.gone)
}

// signal has whoever waits for a place look again.
func (l *Listener) signal() {
	select {
	case l.freed <- struct{}{}:
	default:
	}
}

// Close closes the listener and the connections that have not asked, not those that the
// server has.
func (l *Listener) Close() error {
	l.end()
	l.mu.Lock()
	for _, c := range l.waiting.conns {
		c.Conn.Close() // its goroutine sees the error and ends
	}
	l.mu.Unlock()
	return l.Listener.Close()
}

// Note takes what a connection does now; it is the http.Server's ConnState.
func Note(nc net.Conn, s http.ConnState) {
	c := unwrap(nc)
	if c == nil {
		return
	}
	switch s {
	case http.StateActive:
		c.set(working)
	case http.StateIdle:
		c.set(idle)
	}
}

type connKey struct{}

// Context adds the connection to the context of its requests; it is the http.Server's
// ConnContext.
func Context(ctx context.Context, nc net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, unwrap(nc))
}

// Hold keeps the connection of a request from being closed for others, until release
// is called.
func Hold(ctx context.Context) (release func()) { return during(ctx, held) }

// during has the connection of a request be in another phase until back is called.
func during(ctx context.Context, p phase) (back func()) {
	c, _ := ctx.Value(connKey{}).(*conn)
	if c == nil {
		return func() {}
	}
	c.set(p)
	return func() { c.set(working) }
}
