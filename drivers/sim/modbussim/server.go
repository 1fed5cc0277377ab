package modbussim

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"sync"
	"time"
)

// Server answers Modbus requests from its banks, in TCP or RTU frames. All
// methods are safe for concurrent use.
type Server struct {
	watched
	ln   net.Listener // nil for a serial line
	baud int          // above 0: RTU frames
	pace bool         // send each byte at the time at which a UART would
	done chan struct{}
	wg   sync.WaitGroup

	mu            sync.Mutex
	units         map[uint8]*Bank
	silent        map[uint8]bool
	silentUnknown bool
	liar          liar
	requests      map[uint8]int
	byUnit        map[uint8]int
	lies          int
	accepted      int
	conns         map[io.Closer]bool
	closed        bool
}

// Listen serves units at a TCP address ("127.0.0.1:0" takes a free port) until
// Close. The caller may change the banks at any time. Requests to unit ids without a
// bank are answered with exception 11, as a gateway answers for a slave that it
// cannot reach.
func Listen(addr string, units map[uint8]*Bank) (*Server, error) {
	return listen(addr, newServer(units))
}

func listen(addr string, s *Server) (*Server, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening for modbus on %s: %w", addr, err)
	}
	s.ln = ln
	s.wg.Go(s.accept)
	return s, nil
}

func newServer(units map[uint8]*Bank) *Server {
	return &Server{
		done:  make(chan struct{}),
		units: maps.Clone(units), silent: make(map[uint8]bool),
		requests: make(map[uint8]int), byUnit: make(map[uint8]int),
		conns: make(map[io.Closer]bool),
	}
}

// Addr returns the address listened on, "host:port".
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Close stops listening, closes all connections and waits for the goroutines.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	s.mu.Unlock()
	var err error
	if s.ln != nil {
		err = s.ln.Close()
	}
	s.DropConnections()
	s.wg.Wait()
	if err != nil {
		return fmt.Errorf("closing modbus server: %w", err)
	}
	return nil
}

// DropConnections closes every open connection, as a restarting device does. It
// keeps listening.
func (s *Server) DropConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close() // the reading goroutine removes it from conns
	}
}

// SetSilent makes a unit a dead slave, which answers no request, or ends that.
func (s *Server) SetSilent(unit uint8, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent[unit] = on
}

// SetSilentUnknown makes requests to unit ids without a bank remain unanswered
// instead of being answered with exception 11.
func (s *Server) SetSilentUnknown(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silentUnknown = on
}

// SetFault replaces the server's fault. Answers that are already delayed are still
// sent.
func (s *Server) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.liar = newLiar(f)
}

// Requests returns the number of requests so far by function code.
func (s *Server) Requests() map[uint8]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.requests)
}

// RequestsTo returns the number of requests so far to one unit id.
func (s *Server) RequestsTo(unit uint8) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byUnit[unit]
}

// Lies returns the number of requests that were answered wrongly.
func (s *Server) Lies() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lies
}

// Connections returns the number of connections accepted so far.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

func (s *Server) accept() {
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		if !s.attach(c) {
			return
		}
	}
}

// attach serves a connection until it ends; false if the server is closed.
func (s *Server) attach(c io.ReadWriteCloser) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return false
	}
	s.accepted++
	s.conns[c] = true
	s.wg.Go(func() { s.serve(c) })
	return true
}

const (
	headerLen = 7   // transaction, protocol, length, unit
	maxFrame  = 260 // V1.1b3 §4.1: 7 + 253
)

// peer is one connection. Its mutex prevents that a late answer is written into the
// middle of another one.
type peer struct {
	io.ReadWriteCloser
	mu   sync.Mutex
	last []byte // the previous true answer
}

func (p *peer) send(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Write(b) // if the client is gone, the read loop ends too
}

func (s *Server) serve(c io.ReadWriteCloser) {
	p := &peer{ReadWriteCloser: c}
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	if s.baud > 0 {
		s.serveRTU(p)
		return
	}
	buf := make([]byte, maxFrame)
	for {
		if _, err := io.ReadFull(c, buf[:headerLen]); err != nil {
			return
		}
		n := headerLen - 1 + int(binary.BigEndian.Uint16(buf[4:]))
		if n <= headerLen || n > maxFrame {
			return // not Modbus
		}
		if _, err := io.ReadFull(c, buf[headerLen:n]); err != nil {
			return
		}
		if !s.answer(p, buf[:n], p.send) {
			return
		}
	}
}

// decide counts a request and returns its true answer (nil = none), the lie for it,
// and the bytes to send.
func (s *Server) decide(req []byte) (truth []byte, lie Lie, sent []byte, delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	unit, fc := req[6], req[7]
	s.requests[fc]++
	s.byUnit[unit]++
	bank := s.units[unit]
	if s.silent[unit] || bank == nil && s.silentUnknown {
		return nil, Honest, nil, 0
	}
	truth = append(make([]byte, 0, maxFrame), req[:headerLen]...)
	if bank == nil {
		truth = append(truth, fc|0x80, targetSilent)
	} else {
		truth = bank.answer(truth, req[headerLen:])
	}
	binary.BigEndian.PutUint16(truth[4:], uint16(len(truth)-headerLen+1))
	lie = s.liar.draw(unit, s.baud > 0)
	if lie != Honest {
		s.lies++
	}
	sent = s.liar.distort(lie, append([]byte(nil), truth...))
	if s.baud > 0 {
		truth, sent = appendCRC(truth[headerLen-1:]), s.liar.distortRTU(lie, sent)
	}
	return truth, lie, sent, s.liar.Delay
}

// answer answers a request, which is a TCP frame, with send. It reports whether the
// connection stays open.
func (s *Server) answer(p *peer, req []byte, send func([]byte)) bool {
	e := s.asks(req[headerLen:])
	truth, lie, sent, delay := s.decide(req)
	if truth == nil {
		return true
	}
	switch lie {
	case Mute:
	case CloseAtRequest:
		return false
	case CloseMidFrame:
		send(sent[:len(sent)/2])
		return s.baud > 0 // a serial line stays open
	case Stale:
		if p.last != nil {
			if s.baud > 0 {
				s.misleads(p.last[1 : len(p.last)-2])
			}
			send(p.last)
		}
		s.gives(e, lie, truth, sent)
		send(sent)
	case Late:
		s.wg.Go(func() {
			if s.pause(delay) {
				s.gives(e, lie, truth, sent)
				send(sent)
			}
		})
	case Drip:
		for i := range sent {
			if !s.pause(delay) {
				return false
			}
			if i == len(sent)-1 {
				s.gives(e, lie, truth, sent)
			}
			send(sent[i : i+1])
		}
	case Split:
		send(sent[:len(sent)-1])
		if !s.pause(delay) {
			return false
		}
		s.gives(e, lie, truth, sent)
		send(sent[len(sent)-1:])
	default:
		s.gives(e, lie, truth, sent)
		send(sent)
	}
	p.last = truth
	return true
}

// pause sleeps for d; it returns false early if the server closes.
func (s *Server) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.done:
		return false
	}
}
