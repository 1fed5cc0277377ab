package clients

import (
	"net"
	"slices"
	"time"
)

// phase is what a connection is doing.
type phase int

const (
	fresh   phase = iota // its first request is not complete
	idle                 // between two requests
	queued               // a request waits for its turn
	working              // a request is being answered
	held                 // the same, and it must not be closed
)

// conn is an open connection. The Listener's mu guards what changes.
type conn struct {
	net.Conn
	l     *Listener
	owner string
	local bool          // from this computer
	gone  chan struct{} // closed with left

	phase phase
	since time.Time // of the phase
	asks  bool      // its first request, or its hello, has come
	tls   bool      // it was a hello
	left  bool      // it has lost its place
}

// unwrap finds the Listener's connection, below TLS if need be; nil = it is another's.
func unwrap(nc net.Conn) *conn {
	for {
		if c, ok := nc.(*conn); ok {
			return c
		}
		w, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		nc = w.NetConn()
	}
}

// NetConn is the connection itself.
func (c *conn) NetConn() net.Conn { return c.Conn }

// Close closes the connection and frees its place.
func (c *conn) Close() error {
	c.l.mu.Lock()
	c.l.leave(c)
	c.l.mu.Unlock()
	return c.Conn.Close()
}

func (c *conn) set(p phase) {
	c.l.mu.Lock()
	c.phase, c.since = p, time.Now()
	c.l.mu.Unlock()
	if p == idle || p == queued {
		c.l.signal()
	}
}

// rank is higher the less the connection matters; 0 = it must not be closed.
func (c *conn) rank(now time.Time) int {
	lasted, patience := now.Sub(c.since), answerPatience
	if c.local {
		patience = localPatience
	}
	switch {
	case c.phase == fresh && (!c.asks || c.tls && lasted >= headerPatience):
		return 4
	case c.phase == idle:
		return 3
	case c.phase == queued:
		return 2
	case c.phase == fresh && c.tls, c.phase == working && lasted >= patience:
		return 1
	}
	return 0
}

// ranks is above every rank.
const ranks = 10

// room holds a bounded number of connections. The Listener's mu guards it.
type room struct {
	most  int
	conns []*conn // those that came first are first
}

// remove takes c out and tells whether it was there.
func (r *room) remove(c *conn) bool {
	i := slices.Index(r.conns, c)
	if i >= 0 {
		r.conns = slices.Delete(r.conns, i, i+1)
	}
	return i >= 0
}

// least is the connection that matters least, to make room for next; nil = all matter.
func (r *room) least(next *conn, now time.Time) (out *conn) {
	count, local := map[string]int{}, 0
	for _, c := range r.conns {
		count[c.owner]++
		if c.local {
			local++
		}
	}
	spare := !next.local && local <= r.most/8 // this computer's own few are not displaced from outside
	most := 0
	for _, c := range r.conns {
		rank := c.rank(now)
		if rank == 0 || spare && c.local {
			continue
		}
		if count[c.owner] > r.most/4 {
			rank += ranks
		}
		if rank > most || rank == most && c.since.Before(out.since) {
			most, out = rank, c
		}
	}
	return out
}
