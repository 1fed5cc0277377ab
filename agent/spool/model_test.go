package spool

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// model is what a queue is supposed to be.
type model struct {
	dir       string
	q         *Queue
	opts      Options
	seq       uint64
	state     string
	live      []uint64        // not acknowledged, rising
	acked     map[uint64]bool // out of turn in this life: may come back in the next
	handed    []uint64        // delivered in this life, not acknowledged
	pos       uint64          // read last
	read      uint64          // highest number read in this life
	inherited uint64          // last number of the lives before
}

// The queue does what the model does, whatever is done to it in whatever
// order.
func TestModel(t *testing.T) {
	root := fastDir(t)
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		m := &model{dir: fmt.Sprint(root, "/", runs), acked: map[uint64]bool{}}
		m.opts = Options{Logger: quiet, SegmentBytes: minSegment}
		m.open(t)
		defer func() { m.q.Close(); os.RemoveAll(m.dir) }()
		t.Repeat(map[string]func(*rapid.T){
			"append": m.append, "next": m.next, "ack": m.ack, "rewind": func(*rapid.T) { m.pos = 0 },
			"reopen": m.reopen, "": m.check,
		})
	})
}

func (m *model) open(t *rapid.T) {
	d := realDisk()
	d.sync = func(*os.File) error { return nil }
	d.syncDir = func(string) error { return nil }
	var err error
	if m.q, err = open(m.dir, m.opts, d); err != nil {
		t.Fatal(err)
	}
}

func (m *model) append(t *rapid.T) {
	n := rapid.IntRange(1, 30).Draw(t, "n")
	var state []byte
	if rapid.Bool().Draw(t, "with state") {
		state = fmt.Append(nil, "open ", m.seq)
		m.state = string(state)
	}
	for range n {
		m.seq++
		m.live = append(m.live, m.seq)
		if err := put(m.q, state, message); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *model) next(t *rapid.T) {
	i := slices.IndexFunc(m.live, func(id uint64) bool { return id > m.pos && !m.acked[id] })
	e, ok := m.q.next(m.pos)
	if i < 0 {
		if ok {
			t.Fatalf("got %d, want nothing", e.ID)
		}
		return
	}
	if !ok || e.ID != m.live[i] {
		t.Fatalf("got %d %v, want %d", e.ID, ok, m.live[i])
	}
	e.Key, e.Value = "", nil
	if want, _ := message(e.ID); fmt.Sprint(e.Message) != fmt.Sprint(want) {
		t.Fatalf("message %d: %+v", e.ID, e)
	}
	if resent := e.ID <= max(m.inherited, m.read); e.Resent != resent {
		t.Fatalf("message %d: resent %v, want %v", e.ID, e.Resent, resent)
	}
	m.pos, m.read = e.ID, max(m.read, e.ID)
	if !slices.Contains(m.handed, e.ID) {
		m.handed = append(m.handed, e.ID)
	}
}

func (m *model) ack(t *rapid.T) {
	if len(m.handed) == 0 {
		if err := m.q.Ack(m.seq + 1); !errors.Is(err, ErrNotDelivered) {
			t.Fatalf("ack of what is not there: %v", err)
		}
		return
	}
	i := rapid.IntRange(0, len(m.handed)-1).Draw(t, "i")
	id := m.handed[i]
	if err := m.q.Ack(id); err != nil {
		t.Fatal(err)
	}
	m.handed = slices.Delete(m.handed, i, i+1)
	m.acked[id] = true
	for len(m.live) > 0 && m.acked[m.live[0]] { // the cursor's part
		m.live = m.live[1:]
	}
}

func (m *model) reopen(t *rapid.T) {
	if err := m.q.Close(); err != nil {
		t.Fatal(err)
	}
	m.open(t)
	clear(m.acked)
	m.handed = nil
	m.pos, m.read, m.inherited = 0, 0, m.seq
}

func (m *model) check(t *rapid.T) {
	n := 0
	for _, id := range m.live {
		if !m.acked[id] {
			n++
		}
	}
	s := m.q.Stats()
	if s.Messages != n || m.q.Len() != n || m.q.Seq() != m.seq || stateOf(m.q) != m.state {
		t.Fatalf("%d messages, seq %d, state %q; want %d, %d, %q", s.Messages, m.q.Seq(), stateOf(m.q), n, m.seq, m.state)
	}
	if s.Corrupt+s.Quarantined+s.Torn+s.Dropped+s.Errors != 0 {
		t.Fatalf("%+v", s)
	}
}
