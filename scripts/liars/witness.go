package main

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// arrival says whether a right answer for a cell came while its row was read: its own
// answer to a request of this row, whole, within the timeout, on the connection that
// asked, with the value of this row.
type arrival int

const (
	none     arrival = iota
	alike            // it came, but nothing in it tells it from a stale or foreign answer
	distinct         // it came and could be recognised
)

// shape is all that identifies an answer whose number proves nothing.
type shape struct {
	function byte
	count    int
}

// question is a request without an answer so far.
type question struct {
	number int
	shape
	at time.Time
}

// witness follows what a device sends. It knows more than any reader can: which
// question each answer belongs to. And it knows what a reader can tell:
//
//   - An answer of the shape of an earlier question that was never answered may be the
//     answer to that one, under whatever number a gateway gave it. An answer of another
//     shape proves that the earlier ones are settled. On a serial line they are settled
//     after four timeouts.
//   - On a serial line a whole frame that nobody here asked for, since the row before,
//     may be another master's, and then so may be every answer of the row.
//
// It is safe for concurrent use.
type witness struct {
	mu      sync.Mutex
	timeout time.Duration
	serial  bool
	open    []question
	row     []answer
	foreign bool // on a serial line, since the last row ended
}

// answer is a right one, in time.
type answer struct {
	modbussim.Event
	alike bool
}

func newWitness(s scene) *witness {
	return &witness{timeout: s.line.Timeout, serial: s.line.Mode != modbus.TCP}
}

// event takes note of what the device does.
func (w *witness) event(e modbussim.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := shape{e.Function, e.Count}
	if w.serial {
		w.open = slices.DeleteFunc(w.open, func(q question) bool { return e.Time.Sub(q.at) > 4*w.timeout })
	}
	at := slices.IndexFunc(w.open, func(q question) bool { return q.number == e.Number })
	switch e.Kind {
	case modbussim.Asked:
		w.open = append(w.open, question{e.Number, s, e.Time})
	case modbussim.Foreign:
		w.foreign = w.foreign || w.serial
		if i := slices.IndexFunc(w.open, func(q question) bool { return q.shape == s }); i >= 0 && !w.serial {
			w.open = slices.Delete(w.open, i, i+1) // as far as the reader can tell
		}
	case modbussim.Refused:
		if at >= 0 {
			w.open = slices.Delete(w.open, at, at+1)
		}
	case modbussim.Answered:
		if at < 0 || e.Time.Sub(w.open[at].at) > w.timeout {
			return
		}
		similar := slices.ContainsFunc(w.open[:at], func(q question) bool { return q.shape == s })
		w.row = append(w.row, answer{e, similar})
		if similar {
			w.open = slices.Delete(w.open, at, at+1)
		} else {
			w.open = slices.Delete(w.open, 0, at+1)
		}
	}
}

// begin begins a row.
func (w *witness) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.row = w.row[:0]
}

// end ends the row of a cycle and says what came for each register.
func (w *witness) end(regs []modbus.Register, cycle int) []arrival {
	w.mu.Lock()
	defer w.mu.Unlock()
	came := make([]arrival, len(regs))
	for i, r := range regs {
		for _, a := range w.row {
			switch {
			case !a.holds(r, cycle):
			case w.foreign || a.alike:
				came[i] = max(came[i], alike)
			default:
				came[i] = distinct
			}
		}
	}
	w.foreign = false
	return came
}

// holds reports whether an answer has the value of a register in a cycle.
func (a *answer) holds(r modbus.Register, cycle int) bool {
	at, n := 2*(int(r.Address)-a.First), 2*r.Type.Registers()
	if modbus.Table(a.Function) != r.Table || at < 0 || at+n > len(a.Data) {
		return false
	}
	v := float64(binary.BigEndian.Uint16(a.Data[at:]))
	if n == 4 {
		v = float64(binary.BigEndian.Uint32(a.Data[at:]))
	}
	return v == want(r, cycle)
}
