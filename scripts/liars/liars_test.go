package main

import (
	"math"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// honest is a device that does not lie, with six registers in two blocks.
func honest(rtu bool) scene {
	s := scene{cycles: 5, line: modbus.LineOptions{Timeout: time.Minute, Baud: 115_200}}
	listen := modbussim.Listen
	if rtu {
		listen, s.line.Mode = modbussim.ListenRTU, modbus.RTUOverTCP
	}
	for i, a := range []uint16{3, 4, 5, 40, 41, 42} {
		s.regs = append(s.regs, modbus.Register{Name: string(rune('a' + i)), Table: modbus.Holding, Address: a, Type: modbus.U16, Scale: 1})
	}
	s.regs[5].Type = modbus.U32
	s.start = func(units map[uint8]*modbussim.Bank) (simulated, error) { return listen("127.0.0.1:0", units) }
	return s
}

// distorted changes what a reader gives.
type distorted struct {
	reader
	change func(dst []float64) (doubtful map[string]bool)
}

func (d distorted) read(dst []float64) (map[string]bool, error) {
	_, err := d.reader.read(dst)
	return d.change(dst), err
}

// Every reader that is honest has all cells right, and all of them arrived.
func TestPlay_honest(t *testing.T) {
	for _, rtu := range []bool{false, true} {
		all := []competitor{{"ours", openOurs, false}, {"goburrow", openGoburrow, true}, {"grid-x", openGridx, false}, {"simonvetter", openSimonvetter, false}}
		for _, c := range all {
			if rtu && c.tcp {
				continue
			}
			got, err := honest(rtu).play(c.open)
			if want := (tally{right: 30, arrived: 30, used: 30, clear: 30, clearUsed: 30}); err != nil || got != want {
				t.Errorf("%s, rtu %v: %+v, %v", c.name, rtu, got, err)
			}
		}
	}
}

// A reader that gives the value of another register, or of the row before, is counted as
// wrong; what it does not give, or gives as suspect, is not, but was there to be had.
func TestPlay_distorted(t *testing.T) {
	var before []float64
	for name, tt := range map[string]struct {
		change func(dst []float64) map[string]bool
		want   tally
	}{
		"another register": {func(dst []float64) map[string]bool { dst[0] = dst[1]; return nil },
			tally{right: 25, wrong: 5, arrived: 30, used: 25, clear: 30, clearUsed: 25}},
		"the row before": {func(dst []float64) map[string]bool {
			now := append([]float64{}, dst...)
			if before != nil {
				copy(dst, before)
			}
			before = now
			return nil
		}, tally{right: 6, wrong: 24, arrived: 30, used: 6, clear: 30, clearUsed: 6}},
		"missing": {func(dst []float64) map[string]bool { dst[5] = math.NaN(); return nil },
			tally{right: 25, missing: 5, arrived: 30, used: 25, clear: 30, clearUsed: 25}},
		"suspect": {func(dst []float64) map[string]bool { dst[2] = 7; return map[string]bool{"c": true, "d": true} },
			tally{right: 20, suspect: 10, arrived: 30, used: 20, clear: 30, clearUsed: 20}},
	} {
		open := func(s scene, addr string) (reader, error) {
			r, err := openGoburrow(s, addr)
			return distorted{r, tt.change}, err
		}
		got, err := honest(false).play(open)
		if first := got.first; (first == "") != (tt.want.wrong == 0) {
			t.Errorf("%s: %q", name, first)
		}
		if got.first = ""; err != nil || got != tt.want {
			t.Errorf("%s: %+v, want %+v, %v", name, got, tt.want, err)
		}
	}
}

// What a device sends is judged by the question that it belongs to, and by what a reader
// can tell of it.
func TestWitness(t *testing.T) {
	const none, alike, distinct = none, alike, distinct
	now := time.Now()
	ask := func(n, at, count int) modbussim.Event {
		return modbussim.Event{Kind: modbussim.Asked, Time: now, Number: n, Function: 3, First: at, Count: count}
	}
	answer := func(after time.Duration, n, at, count, cycle int) modbussim.Event {
		e := modbussim.Event{Kind: modbussim.Answered, Time: now.Add(after), Number: n, Function: 3, First: at, Count: count}
		for a := at; a < at+count; a++ {
			e.Data = append(e.Data, byte(word(a, cycle)>>8), byte(word(a, cycle)))
		}
		return e
	}
	foreign := modbussim.Event{Kind: modbussim.Foreign, Time: now, Function: 3, Count: 2}
	refused := modbussim.Event{Kind: modbussim.Refused, Time: now, Number: 1, Function: 3, First: 40, Count: 1}
	for _, tt := range []struct {
		name   string
		serial bool
		events []modbussim.Event
		want   arrival // of register 41
	}{
		{"answered", false, []modbussim.Event{ask(1, 40, 2), answer(0, 1, 40, 2, 3)}, distinct},
		{"too late", false, []modbussim.Event{ask(1, 40, 2), answer(time.Minute, 1, 40, 2, 3)}, none},
		{"of the row before", false, []modbussim.Event{ask(1, 40, 2), answer(0, 1, 40, 2, 2)}, none},
		{"not of that register", false, []modbussim.Event{ask(1, 40, 1), answer(0, 1, 40, 1, 3)}, none},
		{"never asked", false, []modbussim.Event{answer(0, 1, 40, 2, 3)}, none},
		{"behind a silence of its shape", false, []modbussim.Event{ask(1, 10, 2), ask(2, 40, 2), answer(0, 2, 40, 2, 3)}, alike},
		{"behind a silence of another shape", false, []modbussim.Event{ask(1, 10, 1), ask(2, 40, 2), answer(0, 2, 40, 2, 3)}, distinct},
		{"after a proof", false, []modbussim.Event{ask(1, 10, 2), ask(2, 10, 1), answer(0, 2, 10, 1, 3), ask(3, 40, 2), answer(0, 3, 40, 2, 3)}, distinct},
		{"after a refusal", false, []modbussim.Event{ask(1, 40, 2), refused, ask(2, 40, 2), answer(0, 2, 40, 2, 3)}, distinct},
		{"beside a foreign frame", true, []modbussim.Event{ask(1, 40, 2), foreign, answer(0, 1, 40, 2, 3)}, alike},
		{"over TCP a foreign answer", false, []modbussim.Event{ask(1, 10, 2), foreign, ask(2, 40, 2), answer(0, 2, 40, 2, 3)}, distinct},
	} {
		w := newWitness(scene{line: modbus.LineOptions{Timeout: time.Second}})
		w.serial = tt.serial
		w.begin()
		for _, e := range tt.events {
			w.event(e)
		}
		regs := []modbus.Register{{Table: modbus.Holding, Address: 41, Type: modbus.U16}}
		if got := w.end(regs, 3)[0]; got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// The quick form: one seed of each behaviour and a few random ones, no value wrong.
func TestLiars(t *testing.T) {
	jobs := named(1)
	for seed := range 20 {
		jobs = append(jobs, job{"random", uint64(1_000_000 + seed), anything})
	}
	r, wrong := runAll(jobs, len(jobs), openOurs, func(j job, t2 tally) { t.Errorf("%s, seed %d: %s", j.name, j.seed, t2.first) })
	if all := r.total(); wrong != 0 || all.right == 0 || all.missing == 0 || all.arrived == 0 {
		t.Errorf("%+v", all)
	}
}
