package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// tally counts cells by what became of them.
type tally struct {
	right, wrong, suspect, missing int
	first                          string // what was wrong first
}

func (t *tally) add(o tally) {
	t.right, t.wrong, t.suspect, t.missing = t.right+o.right, t.wrong+o.wrong, t.suspect+o.suspect, t.missing+o.missing
}

// truth is the bank of a device whose register a holds 1000+a, in each table.
func truth() *modbussim.Bank {
	var b modbussim.Bank
	for a := range 300 {
		b.SetHolding(a, uint16(1000+a))
		b.SetInput(a, uint16(1000+a))
	}
	return &b
}

// registers draws a map: three to eight registers of one table, of one kind or of
// several, near each other or not.
func registers(rng *rand.Rand) (regs []modbus.Register, want []float64) {
	table := []modbus.Table{modbus.Holding, modbus.Input}[rng.IntN(2)]
	wide, near := rng.IntN(3) == 0, rng.IntN(2) == 0
	at := rng.IntN(20)
	for i := range 3 + rng.IntN(6) {
		r := modbus.Register{Name: fmt.Sprintf("r%d", i), Table: table, Address: uint16(at), Type: modbus.U16, Scale: 1}
		v := float64(1000 + at)
		if wide && rng.IntN(2) == 0 {
			r.Type, v = modbus.U32, v*65536+v+1
		}
		regs, want = append(regs, r), append(want, v)
		if at += r.Type.Registers(); !near {
			at += 10 + rng.IntN(10)
		}
	}
	return regs, want
}

// device is what a behaviour reads.
type device struct {
	line   *modbus.Line
	regs   []modbus.Register
	want   []float64
	opts   modbus.Options
	cycles int
	period time.Duration
}

// read reads the device for its cycles and counts its cells.
func (d device) read() (t tally, err error) {
	defer d.line.Close()
	d.opts.Pause, d.opts.MaxPause, d.opts.MaxGap = 5*time.Millisecond, 30*time.Millisecond, 8
	dev, err := modbus.New(d.line, 7, d.regs, d.opts)
	if err != nil {
		return t, err
	}
	dst := make([]float64, len(d.regs))
	for cycle := range d.cycles {
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := dev.Read(ctx, dst)
		cancel()
		doubtful := map[string]bool{}
		doubts(err, doubtful)
		for i, v := range dst {
			switch {
			case math.IsNaN(v):
				t.missing++
			case doubtful[d.regs[i].Name]:
				t.suspect++
			case v == d.want[i]:
				t.right++
			default:
				if t.wrong++; t.wrong == 1 {
					t.first = fmt.Sprintf("cycle %d: %v is %v, want %v (%v)", cycle, d.regs[i], v, d.want[i], err)
				}
			}
		}
		time.Sleep(time.Until(start.Add(d.period)))
	}
	return t, nil
}

// doubts notes the channels whose values an error doubts.
func doubts(err error, names map[string]bool) {
	var part *drivers.PartError
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			doubts(e, names)
		}
	} else if errors.As(err, &part) && part.Doubtful {
		for _, name := range part.Channels {
			names[name] = true
		}
	}
}
