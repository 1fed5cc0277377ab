package modbus

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// lateWire is a serial port with a slave that answers in the order in which it
// is asked and takes its time. What comes before a request is thrown away with
// it, as the line does with a port's bytes. It is for one goroutine.
type lateWire struct {
	delay    func() time.Duration // of the next answer; negative = it is lost
	answers  chan []byte
	rest     []byte
	last     time.Time // of the newest answer
	deadline time.Time
}

func (w *lateWire) open(context.Context) (io.ReadWriteCloser, error) { return w, nil }

func (w *lateWire) Write(req []byte) (int, error) {
	for w.rest = nil; len(w.answers) > 0; {
		<-w.answers
	}
	if delay := w.delay(); delay >= 0 {
		w.last = w.last.Add(5 * time.Millisecond) // it sends one after the other
		if at := time.Now().Add(delay); at.After(w.last) {
			w.last = at
		}
		answer := answerTo(req)
		time.AfterFunc(time.Until(w.last), func() { w.answers <- answer })
	}
	return len(req), nil
}

func (w *lateWire) Read(b []byte) (int, error) {
	if len(w.rest) == 0 {
		select {
		case w.rest = <-w.answers:
		case <-time.After(time.Until(w.deadline)):
			return 0, os.ErrDeadlineExceeded
		}
	}
	n := copy(b, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

func (w *lateWire) SetDeadline(t time.Time) error { w.deadline = t; return nil }
func (w *lateWire) Close() error                  { return nil }

// Answers that are later than the silence after a timeout, some or all of them,
// are never taken for those of the registers that are asked for meanwhile:
// neither where all requests are alike nor where one is of another size.
func TestDev_laterThanTheNextRequest(t *testing.T) {
	const timeout, period = 500 * time.Millisecond, time.Second
	for _, share := range []float64{0.1, 1} {
		for _, late := range []float64{1.5, 2.2, 2.5, 3, 3.7} { // in timeouts
			for _, regs := range [][]Register{words(0, 100, 200), words(0, 100, 101, 102, 200)} {
				synctest.Test(t, func(t *testing.T) {
					rng := rand.New(rand.NewPCG(1, 2))
					w := &lateWire{answers: make(chan []byte, 100), delay: func() time.Duration {
						if rng.Float64() < share {
							return time.Duration(late * float64(timeout))
						}
						return 20 * time.Millisecond
					}}
					l := NewLine(w.open, LineOptions{Mode: RTU, Timeout: timeout})
					defer l.Close()
					d, good := newDev(t, l, 7, regs, Options{}), 0
					for range 100 {
						start := time.Now()
						cells, _ := read(t, d) // a wrong one is an error
						for _, c := range cells {
							if c == 'x' {
								good++
							}
						}
						time.Sleep(time.Until(start.Add(period)))
					}
					what := fmt.Sprintf("%v of the answers %v timeouts late: %d of %d values", share, late, good, 100*len(regs))
					if t.Log(what); share < 1 && good < 40*len(regs) {
						t.Error(what)
					}
					time.Sleep(time.Minute) // the last answers
				})
			}
		}
	}
}

// One answer that is lost costs two readings at the most, so that it is no
// fault of the sensor, whatever its period.
func TestDev_oneLostAnswer(t *testing.T) {
	for _, period := range []time.Duration{600 * time.Millisecond, time.Second, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			lost := false
			w := &lateWire{answers: make(chan []byte, 1), delay: func() time.Duration {
				if lost {
					return -1
				}
				return 20 * time.Millisecond
			}}
			l := NewLine(w.open, LineOptions{Mode: RTU, Timeout: 500 * time.Millisecond})
			defer l.Close()
			d, failed := newDev(t, l, 7, words(0, 100), Options{}), 0
			for i := range 10 {
				start := time.Now()
				lost = i == 3
				if _, err := read(t, d); err != nil {
					failed++
				}
				time.Sleep(time.Until(start.Add(period)))
			}
			if failed < 1 || failed > 2 {
				t.Errorf("period %v: one lost answer cost %d readings", period, failed)
			}
		})
	}
}
