package modbussim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// SerialServer is a transparent serial server with a line of RTU devices behind it:
// every byte of the line goes to every client. It carries out the requests of its
// clients one after the other. Beside the clients that connect it has one of its
// own, the other master, which nobody here controls.
//
// It is safe for concurrent use.
type SerialServer struct {
	watched
	ln    net.Listener
	wg    sync.WaitGroup
	done  chan struct{}
	queue chan serialRequest

	mu      sync.Mutex
	banks   map[uint8]*Bank
	clients map[net.Conn]bool
	other   OtherMaster
	asked   int // requests of clients that were answered
}

// serialRequest is a request and who made it; nil = the other master.
type serialRequest struct {
	frame []byte
	from  net.Conn
	event Event
}

// OtherMaster is what the other master of a SerialServer does.
type OtherMaster struct {
	Every  time.Duration // between two of its requests; 0 = it is silent
	Jitter time.Duration // at most, added to Every
	Unit   uint8
	At     uint16 // of the holding registers that it reads
	Count  uint16
	Took   time.Duration // that every answer takes, to whomever
	Seed   uint64
}

// ListenSerialServer serves units at a TCP address until Close.
func ListenSerialServer(addr string, units map[uint8]*Bank, other OtherMaster) (*SerialServer, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening for rtu on %s: %w", addr, err)
	}
	s := &SerialServer{ln: ln, done: make(chan struct{}), queue: make(chan serialRequest, 64), banks: units,
		clients: map[net.Conn]bool{}, other: other}
	s.wg.Go(s.line)
	s.wg.Go(func() { s.poll(rand.New(rand.NewPCG(other.Seed, 0x6f74686572))) })
	s.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.clients[c] = true
			s.mu.Unlock()
			s.wg.Go(func() { s.serve(c) })
		}
	})
	return s, nil
}

// Addr returns the address listened on, "host:port".
func (s *SerialServer) Addr() string { return s.ln.Addr().String() }

// SetOther changes what the other master does from its next request on.
func (s *SerialServer) SetOther(o OtherMaster) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.other = o
}

// Answered returns how many requests of clients were answered.
func (s *SerialServer) Answered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Close stops listening, closes all connections and waits for the goroutines.
func (s *SerialServer) Close() error {
	err := s.ln.Close()
	close(s.done)
	s.mu.Lock()
	for c := range s.clients {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

func (s *SerialServer) serve(c net.Conn) {
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.clients, c)
		s.mu.Unlock()
	}()
	for {
		req := make([]byte, requestLen)
		if _, err := io.ReadFull(c, req); err != nil {
			return
		}
		s.mu.Lock()
		s.asked++
		s.mu.Unlock()
		s.put(serialRequest{req, c, s.asks(req[1 : requestLen-2])})
	}
}

func (s *SerialServer) put(req serialRequest) {
	select {
	case s.queue <- req:
	case <-s.done:
	}
}

// poll is the other master.
func (s *SerialServer) poll(rng *rand.Rand) {
	for {
		s.mu.Lock()
		o := s.other
		s.mu.Unlock()
		wait := o.Every
		if o.Jitter > 0 {
			wait += time.Duration(rng.Int64N(int64(o.Jitter)))
		}
		if wait <= 0 {
			wait = 10 * time.Millisecond
		}
		select {
		case <-time.After(wait):
		case <-s.done:
			return
		}
		if o.Every > 0 {
			s.put(serialRequest{frame: appendCRC([]byte{o.Unit, readHolding, byte(o.At >> 8), byte(o.At), byte(o.Count >> 8), byte(o.Count)})})
		}
	}
}

// line answers one request after the other, to all clients.
func (s *SerialServer) line() {
	for {
		var r serialRequest
		select {
		case r = <-s.queue:
		case <-s.done:
			return
		}
		req := r.frame
		s.mu.Lock()
		bank, took := s.banks[req[0]], s.other.Took
		s.mu.Unlock()
		if bank == nil || crc16(req) != 0 {
			continue
		}
		time.Sleep(took)
		frame := appendCRC(bank.answer([]byte{req[0]}, req[1:requestLen-2]))
		s.mu.Lock()
		if pdu := frame[1 : len(frame)-2]; s.clients[r.from] {
			s.answers(r.event, pdu)
		} else if len(s.clients) > 0 {
			s.misleads(pdu)
		}
		for c := range s.clients {
			_, _ = c.Write(frame) // a client that is gone is removed by its reader
		}
		s.mu.Unlock()
	}
}
