package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// powerDisk is a disk that loses its power: what was synced stays, of the rest
// each write is there, torn at a sector, or not; each name likewise.
type powerDisk struct {
	rng   *rand.Rand
	live  string           // folder the queue works in
	nodes map[string]*node // by present name
	files map[*os.File]*node
	names []nameOp // not durable yet, in order
	kept  map[string]*node
	left  int  // operations until the power goes
	sick  bool // writes and syncs fail, with power
}

// node is a file, under whatever name.
type node struct {
	kept  []byte // content at the last sync
	fresh []change
}

type change struct {
	off  int64
	data []byte // nil = truncated to off
}

type nameOp struct {
	from, to string // from "" = created or linked, to "" = removed
	n        *node
}

var errPower = errors.New("power is gone")

// newPowerDisk begins with what is in dir, all of it durable.
func newPowerDisk(t testing.TB, rng *rand.Rand, dir string, left int) *powerDisk {
	d := &powerDisk{rng: rng, live: dir, left: left, files: map[*os.File]*node{}, nodes: map[string]*node{}, kept: map[string]*node{}}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		n := &node{kept: b}
		d.nodes[f.Name()], d.kept[f.Name()] = n, n
	}
	return d
}

func (d *powerDisk) off() bool { d.left--; return d.left < 0 || d.sick }

func (d *powerDisk) node(f *os.File) *node {
	if n := d.files[f]; n != nil {
		return n
	}
	name := filepath.Base(f.Name())
	n := d.nodes[name]
	if n == nil { // made behind our back: the cursor
		n = &node{}
		d.nodes[name] = n
		d.names = append(d.names, nameOp{"", name, n})
	}
	d.files[f] = n
	return n
}

func (d *powerDisk) disk() disk {
	return disk{
		create: func(name string) (*os.File, error) {
			if d.off() {
				return nil, errPower
			}
			f, err := os.Create(name)
			if err == nil {
				n := &node{}
				d.files[f], d.nodes[filepath.Base(name)] = n, n
				d.names = append(d.names, nameOp{"", filepath.Base(name), n})
			}
			return f, err
		},
		writeAt: func(f *os.File, b []byte, off int64) (int, error) {
			n := d.node(f)
			if d.off() {
				if d.left == -1 { // the one it happens in
					n.fresh = append(n.fresh, change{off, slices.Clone(b)})
				}
				return 0, errPower
			}
			n.fresh = append(n.fresh, change{off, slices.Clone(b)})
			return f.WriteAt(b, off)
		},
		truncate: func(f *os.File, size int64) error {
			if d.off() {
				return errPower
			}
			n := d.node(f)
			n.fresh = append(n.fresh, change{off: size})
			return f.Truncate(size)
		},
		sync: func(f *os.File) error {
			if d.off() {
				return errPower
			}
			n := d.node(f)
			for _, c := range n.fresh {
				n.kept = c.apply(n.kept)
			}
			n.fresh = nil
			return nil
		},
		rename: func(from, to string) error {
			if d.off() {
				return errPower
			}
			f, t := filepath.Base(from), filepath.Base(to)
			d.names = append(d.names, nameOp{f, t, d.nodes[f]})
			d.nodes[t] = d.nodes[f]
			delete(d.nodes, f)
			return os.Rename(from, to)
		},
		link: func(from, to string) error {
			if d.off() {
				return errPower
			}
			f, t := filepath.Base(from), filepath.Base(to)
			if d.nodes[t] == nil {
				d.names = append(d.names, nameOp{"", t, d.nodes[f]})
				d.nodes[t] = d.nodes[f]
			}
			return os.Link(from, to)
		},
		remove: func(name string) error {
			if d.off() {
				return errPower
			}
			f := filepath.Base(name)
			d.names = append(d.names, nameOp{f, "", nil})
			delete(d.nodes, f)
			return os.Remove(name)
		},
		free: freeBytes,
		syncDir: func(string) error {
			if d.off() {
				return errPower
			}
			for _, op := range d.names {
				op.apply(d.kept)
			}
			d.names = nil
			return nil
		},
	}
}

func (op nameOp) apply(names map[string]*node) {
	if op.from != "" {
		delete(names, op.from)
	}
	if op.to != "" {
		names[op.to] = op.n
	}
}

func (c change) apply(b []byte) []byte {
	if c.data == nil {
		return b[:min(len(b), int(c.off))]
	}
	if need := int(c.off) + len(c.data); need > len(b) {
		b = append(b, make([]byte, need-len(b))...)
	}
	copy(b[c.off:], c.data)
	return b
}

// after writes into dir what a restart may find.
func (d *powerDisk) after(t testing.TB, dir string) {
	t.Helper()
	for _, op := range d.names { // a journal keeps their order, an older file system may not
		if d.rng.IntN(2) == 0 {
			op.apply(d.kept)
		}
	}
	for name, n := range d.kept {
		b := slices.Clone(n.kept)
		for _, c := range n.fresh {
			switch d.rng.IntN(4) {
			case 0: // lost
			case 1:
				b = c.apply(b)
			default:
				b = d.tear(c).apply(b)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// tear zeroes, or cuts off, some of a write's sectors.
func (d *powerDisk) tear(c change) change {
	const sector = 512
	if len(c.data) == 0 {
		return c
	}
	b := slices.Clone(c.data)
	if d.rng.IntN(2) == 0 {
		end := int(c.off)%sector + d.rng.IntN(len(b))
		end -= end % sector // whole sectors arrive
		return change{c.off, b[:max(0, min(len(b), end-int(c.off)%sector))]}
	}
	for i := range b {
		if (int(c.off)+i)/sector%2 == 0 {
			b[i] = 0
		}
	}
	return change{c.off, b}
}

// The power goes at a random operation, again and again, also while opening.
// What was accepted and not acknowledged is delivered after each restart, with
// its content; the newest accepted state is there; no number falls back.
func TestPower(t *testing.T) {
	points, first := 800, uint64(1)
	if os.Getenv("EDGE_LONG") != "" {
		points = 10000
	}
	if s := os.Getenv("EDGE_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first, points = n, 1
	}
	root := fastDir(t)
	seen := 0
	for seed := first; seen < points; seed++ {
		seen += powerRun(t, filepath.Join(root, fmt.Sprint(seed)), seed)
		if t.Failed() {
			t.Fatalf("repeat with EDGE_SEED=%d", seed)
		}
		os.RemoveAll(filepath.Join(root, fmt.Sprint(seed)))
	}
	t.Logf("%d power cuts", seen)
}

// powerRun takes one folder through up to eight power cuts.
func powerRun(t *testing.T, root string, seed uint64) (cuts int) {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := &witness{accepted: map[uint64]bool{}}
	dir := filepath.Join(root, "0")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for cuts < 8 && !t.Failed() {
		d := newPowerDisk(t, rng, dir, rng.IntN(120))
		q, err := open(dir, Options{SegmentBytes: minSegment, Logger: quiet}, d.disk())
		if err != nil {
			t.Errorf("cut %d: open refused: %v", cuts, err)
			return cuts
		}
		w.restart(t, q)
		for d.left >= 0 {
			w.step(t, q, d, rng)
		}
		q.Close() // without power: changes nothing, and ends the timer
		cuts++
		dir = filepath.Join(root, fmt.Sprint(cuts))
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
		d.after(t, dir)
	}
	return cuts
}

// witness remembers what the queue promised.
type witness struct {
	accepted map[uint64]bool // and not acknowledged
	newest   uint64          // accepted
	state    uint64          // number in the newest accepted state
	after    uint64          // number read last
}

// restart checks an opened queue against the promises.
func (w *witness) restart(t *testing.T, q *Queue) {
	t.Helper()
	got := map[uint64]bool{}
	for _, id := range drain(t, q) { // checks the content
		got[id] = true
	}
	for id := range w.accepted {
		if !got[id] {
			t.Errorf("message %d was accepted and is gone", id)
		}
	}
	if q.Seq() < w.newest {
		t.Errorf("number fell from %d to %d", w.newest, q.Seq())
	}
	var state uint64
	fmt.Sscanf(stateOf(q), "open %d", &state)
	if state < w.state || state > q.Seq()+1 {
		t.Errorf("state %d, accepted was %d, last number %d", state, w.state, q.Seq())
	}
	w.after = 0
}

// step does one thing a program does.
func (w *witness) step(t *testing.T, q *Queue, d *powerDisk, rng *rand.Rand) {
	t.Helper()
	switch rng.IntN(24) {
	case 0:
		w.heal(t, q, d)
	case 1:
		d.sick = true
	case 2, 3, 4, 5:
		e, ok := q.next(w.after)
		if !ok {
			return
		}
		check(t, e)
		w.after = e.ID
		if rng.IntN(4) > 0 {
			q.Ack(e.ID)
			delete(w.accepted, e.ID)
		}
	case 6, 7, 8:
		w.after = 0
	default:
		var state []byte
		id := q.Seq() + 1
		if rng.IntN(3) == 0 {
			state = fmt.Append(nil, "open ", id)
		}
		if err := put(q, state, message); err != nil {
			if !errors.Is(err, ErrVolatile) {
				t.Errorf("append: %v", err)
			}
			return
		}
		w.accept(id)
		if state != nil {
			w.state = id
		}
	}
}

func (w *witness) accept(id uint64) {
	w.accepted[id] = true
	w.newest = id
}

// heal makes the disk well; what was kept in memory is accepted when it is
// on the disk.
func (w *witness) heal(t *testing.T, q *Queue, d *powerDisk) {
	d.sick = false
	if q.Stats().Down == "" {
		return
	}
	q.mu.Lock()
	kept := slices.Clone(q.waiting)
	q.mu.Unlock()
	q.tryAgain()
	if s := q.Stats(); s.Down != "" {
		return
	} else if s.Volatile > 0 {
		t.Errorf("%d messages in memory on a disk that is well", s.Volatile)
	}
	for _, p := range kept {
		w.accept(p.seq)
	}
	w.newest = q.Seq()
	fmt.Sscanf(stateOf(q), "open %d", &w.state)
}
