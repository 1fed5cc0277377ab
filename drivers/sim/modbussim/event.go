package modbussim

import (
	"bytes"
	"encoding/binary"
	"sync"
	"time"
)

// Event is what happened to a request, for those who judge a reader by what it was
// given.
type Event struct {
	Kind     EventKind
	Time     time.Time // just before the bytes were sent
	Number   int       // of the request; 0: Foreign
	Function byte
	First    int    // register of the request
	Count    int    // registers of the request, or those that a Foreign frame has
	Data     []byte // of an Answered: its registers as sent
}

// EventKind is the kind of an Event.
type EventKind int

// The kinds.
const (
	Asked    EventKind = iota // a request arrived
	Answered                  // its own answer is sent whole, on its connection and under its number
	Refused                   // an exception is sent that is the device's own
	Foreign                   // an intact frame is sent that is no answer to a request of the client
)

// watched hands events to one observer. It is safe for concurrent use.
type watched struct {
	mu   sync.Mutex
	to   func(Event)
	last int // number of the newest request
}

// Watch makes f be called with each event from now on, before the client can see it.
// f may be called by several goroutines, but not at the same time.
func (w *watched) Watch(f func(Event)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to = f
}

func (w *watched) tell(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.to != nil {
		e.Time, e.Data = time.Now(), bytes.Clone(e.Data)
		w.to(e)
	}
}

// asks tells of a request, whose PDU is req, and returns the event for its answer.
func (w *watched) asks(req []byte) Event {
	e := Event{Function: req[0]}
	if len(req) >= 5 {
		e.First, e.Count = int(binary.BigEndian.Uint16(req[1:])), int(binary.BigEndian.Uint16(req[3:]))
	}
	w.mu.Lock()
	w.last++
	e.Number = w.last
	w.mu.Unlock()
	w.tell(e)
	return e
}

// answers tells that pdu is sent as the own answer to the request of e.
func (w *watched) answers(e Event, pdu []byte) {
	switch {
	case pdu[0]&0x80 != 0 && pdu[1] == targetSilent: // a gateway's word: the device may still answer
		return
	case pdu[0]&0x80 != 0:
		e.Kind = Refused
	default:
		e.Kind, e.Data = Answered, pdu[2:]
	}
	w.tell(e)
}

// misleads tells that pdu, which is no answer to a request of the client, is sent.
func (w *watched) misleads(pdu []byte) {
	w.tell(Event{Kind: Foreign, Function: pdu[0] &^ 0x80, Count: (len(pdu) - 2) / 2})
}

// gives tells what a server sends for a request: nothing, its own answer or something
// else. Truth and sent are frames.
func (s *Server) gives(e Event, lie Lie, truth, sent []byte) {
	body := func(frame []byte) []byte {
		if s.baud > 0 {
			return frame[1 : len(frame)-2]
		}
		return frame[headerLen:]
	}
	switch {
	case bytes.HasSuffix(sent, truth):
		s.answers(e, body(truth))
	case lie == Exception:
		s.answers(e, body(sent))
	case s.baud > 0 && lie != Garbage && crc16(sent) == 0:
		s.misleads(body(sent))
	}
}
