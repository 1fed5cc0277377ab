package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// scene is a device that lies, and how it is to be read.
type scene struct {
	start  func(units map[uint8]*modbussim.Bank) (simulated, error)
	regs   []modbus.Register // U16 or U32, in rising order
	line   modbus.LineOptions
	opts   modbus.Options // for our own reader only
	cycles int
	period time.Duration
}

// simulated is a running device.
type simulated interface {
	Addr() string
	Watch(func(modbussim.Event))
	Close() error
}

// reader reads the registers of one device. In dst NaN is a missing value. The values
// of the channels in doubtful are given as suspect. For one goroutine.
type reader interface {
	read(dst []float64) (doubtful map[string]bool, err error)
	close()
}

// tally counts cells by what became of them.
type tally struct {
	right, wrong, suspect, missing int
	arrived, used                  int    // right answers that came in time; those whose cell is right and good
	clear, clearUsed               int    // those of them that could be told from stale or foreign ones
	first                          string // what was wrong first
}

func (t *tally) cells() int { return t.right + t.wrong + t.suspect + t.missing }

func (t *tally) add(o tally) {
	t.right, t.wrong, t.suspect, t.missing = t.right+o.right, t.wrong+o.wrong, t.suspect+o.suspect, t.missing+o.missing
	t.arrived, t.used, t.clear, t.clearUsed = t.arrived+o.arrived, t.used+o.used, t.clear+o.clear, t.clearUsed+o.clearUsed
}

// A device has registers 0 to size-1. Those from others on are read by another master.
const (
	size   = 300
	others = 290
)

// word is register a in a cycle. It changes from cycle to cycle, so that an old answer
// is a wrong one.
func word(a, cycle int) uint16 { return uint16(1000 + a + 400*cycle) }

// want is the value of a register in a cycle.
func want(r modbus.Register, cycle int) float64 {
	v := float64(word(int(r.Address), cycle))
	if r.Type == modbus.U32 {
		v = v*65536 + float64(word(int(r.Address)+1, cycle))
	}
	return v
}

// turn gives a device the registers of a cycle.
func turn(b *modbussim.Bank, cycle int) {
	var words [others]uint16
	for a := range words {
		words[a] = word(a, cycle)
	}
	b.SetHolding(0, words[:]...)
	b.SetInput(0, words[:]...)
}

// registers draws a map: three to eight registers of one table, of one kind or of
// several, near each other or not.
func registers(rng *rand.Rand) (regs []modbus.Register) {
	table := []modbus.Table{modbus.Holding, modbus.Input}[rng.IntN(2)]
	wide, near := rng.IntN(3) == 0, rng.IntN(2) == 0
	at := rng.IntN(20)
	for i := range 3 + rng.IntN(6) {
		r := modbus.Register{Name: fmt.Sprintf("r%d", i), Table: table, Address: uint16(at), Type: modbus.U16, Scale: 1}
		if wide && rng.IntN(2) == 0 {
			r.Type = modbus.U32
		}
		regs = append(regs, r)
		if at += r.Type.Registers(); !near {
			at += 10 + rng.IntN(10)
		}
	}
	return regs
}

// play starts the device, reads it for its cycles and counts what becomes of its cells.
func (s scene) play(open func(s scene, addr string) (reader, error)) (t tally, err error) {
	var bank modbussim.Bank
	turn(&bank, 0)
	for a := others; a < size; a++ {
		bank.SetHolding(a, 9999)
		bank.SetInput(a, 9999)
	}
	device, err := s.start(map[uint8]*modbussim.Bank{7: &bank})
	if err != nil {
		return t, err
	}
	defer device.Close()
	w := newWitness(s)
	device.Watch(w.event)
	r, err := open(s, device.Addr())
	if err != nil {
		return t, err
	}
	defer r.close()
	dst := make([]float64, len(s.regs))
	for cycle := range s.cycles {
		turn(&bank, cycle)
		start := time.Now()
		w.begin()
		doubtful, err := r.read(dst)
		arrived := w.end(s.regs, cycle)
		for i, v := range dst {
			good := t.cell(v, want(s.regs[i], cycle), doubtful[s.regs[i].Name])
			t.came(arrived[i], good)
			if t.wrong > 0 && t.first == "" {
				t.first = fmt.Sprintf("cycle %d: %v is %v, want %v (%v)", cycle, s.regs[i], v, want(s.regs[i], cycle), err)
			}
		}
		time.Sleep(time.Until(start.Add(s.period)))
	}
	return t, nil
}

// cell counts a cell and reports whether it is right and good.
func (t *tally) cell(v, want float64, doubtful bool) bool {
	switch {
	case math.IsNaN(v):
		t.missing++
	case doubtful:
		t.suspect++
	case v == want:
		t.right++
		return true
	default:
		t.wrong++
	}
	return false
}

// came counts a cell for which a right answer came, or not.
func (t *tally) came(a arrival, good bool) {
	if a == none {
		return
	}
	t.arrived++
	if good {
		t.used++
	}
	if a == distinct {
		t.clear++
		if good {
			t.clearUsed++
		}
	}
}
