package modbussim

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Gateway is a gateway from Modbus TCP to a serial line that hands late answers of
// its slaves to the next request, under the transaction id and the unit of that
// request. Nothing in the header tells that they are late.
//
// It is safe for concurrent use. Requests are carried out one after the other, as on
// a serial line, whatever connection they come from.
type Gateway struct {
	watched
	ln   net.Listener
	wg   sync.WaitGroup
	open sync.Map // of connections

	mu     sync.Mutex
	rng    *rand.Rand
	fault  GatewayFault
	banks  map[uint8]*Bank
	held   []heldAnswer // the serial input that nobody has read yet
	lies   int
	served int
}

// GatewayFault says how a gateway goes wrong.
type GatewayFault struct {
	// Stall is the share of the requests that the slave answers only after the
	// gateway has given up.
	Stall float64
	// Reply is what the gateway does then.
	Reply StallReply
	// Late is after what time at most the late answer arrives.
	Late time.Duration
	// Lost is the share of the late answers that never arrive.
	Lost float64
	// Flush makes the gateway discard what has arrived before it sends a request.
	// Without it a gateway is one answer behind for ever.
	Flush bool
	// OneShot makes it discard all but the oldest late answer, so that it is in
	// step again after one wrong answer.
	OneShot bool
	Seed    uint64
}

// StallReply is how a gateway answers for a slave that does not.
type StallReply int

// The replies.
const (
	StallException StallReply = iota // exception 11
	StallSilent                      // nothing
	StallHangUp                      // it closes the connection
)

// heldAnswer is an answer of a slave and when it has arrived.
type heldAnswer struct {
	pdu   []byte
	at    time.Time
	event Event // of its request
}

// ListenGateway serves units at a TCP address until Close.
func ListenGateway(addr string, units map[uint8]*Bank, f GatewayFault) (*Gateway, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening for modbus on %s: %w", addr, err)
	}
	g := &Gateway{ln: ln, rng: rand.New(rand.NewPCG(f.Seed, 0x6761746577)), fault: f, banks: units}
	g.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			g.open.Store(c, true)
			g.wg.Go(func() { g.serve(c) })
		}
	})
	return g, nil
}

// Addr returns the address listened on, "host:port".
func (g *Gateway) Addr() string { return g.ln.Addr().String() }

// Close stops listening, closes all connections and waits for the goroutines.
func (g *Gateway) Close() error {
	err := g.ln.Close()
	g.open.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
	g.wg.Wait()
	return err
}

// SetFault replaces the fault. What the gateway holds it still holds.
func (g *Gateway) SetFault(f GatewayFault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault, g.rng = f, rand.New(rand.NewPCG(f.Seed, 0x6761746577))
}

// Requests returns the number of requests so far, and how many of them got the
// answer to another one.
func (g *Gateway) Requests() (all, wrong int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.served, g.lies
}

func (g *Gateway) serve(c net.Conn) {
	defer func() { c.Close(); g.open.Delete(c) }()
	req := make([]byte, headerLen+5)
	for {
		if _, err := io.ReadFull(c, req); err != nil || binary.BigEndian.Uint16(req[4:]) != 6 {
			return
		}
		pdu, hangUp := g.carry(c, req[6], req[headerLen:])
		if hangUp {
			return
		}
		if pdu == nil {
			continue
		}
		frame := append(append([]byte{}, req[:headerLen]...), pdu...)
		binary.BigEndian.PutUint16(frame[4:], uint16(len(pdu)+1))
		if _, err := c.Write(frame); err != nil {
			return
		}
	}
}

// carry puts a request on the serial line and returns what the gateway takes for its
// answer.
func (g *Gateway) carry(c net.Conn, unit uint8, req []byte) (pdu []byte, hangUp bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.served++
	e := g.asks(req)
	if hungUp(c) { // this machine was busy for a whole timeout: it would come out of order
		return nil, true
	}
	now := time.Now()
	if g.fault.Flush {
		for len(g.held) > 0 && !g.held[0].at.After(now) {
			g.held = g.held[1:]
		}
	}
	bank := g.banks[unit]
	if bank == nil {
		return []byte{req[0] | 0x80, targetSilent}, false
	}
	own := heldAnswer{bank.answer(nil, req), now, e}
	stalls := g.rng.Float64() < g.fault.Stall
	if stalls && g.fault.Late > 0 {
		own.at = now.Add(time.Duration(g.rng.Int64N(int64(g.fault.Late))))
	}
	lost := stalls && g.rng.Float64() < g.fault.Lost
	if len(g.held) == 0 && !stalls {
		g.answers(e, own.pdu)
		return own.pdu, false
	}
	if !lost {
		g.held = append(g.held, own)
	}
	if stalls && (len(g.held) < 2 || g.fault.Reply == StallHangUp) {
		switch g.fault.Reply {
		case StallSilent:
			return nil, false
		case StallHangUp:
			return nil, true
		}
		return []byte{req[0] | 0x80, targetSilent}, false
	}
	g.lies++
	first := g.held[0]
	time.Sleep(time.Until(first.at)) // a slave answers in order
	g.held = g.held[1:]
	if g.fault.OneShot {
		g.held = nil
	}
	if o := first.event; o.Function == e.Function && o.First == e.First && o.Count == e.Count {
		g.answers(e, first.pdu) // the same question, asked before
	} else {
		g.misleads(first.pdu)
	}
	return first.pdu, false
}
