package modbus

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/sim/modbussim"
)

// Answers that are later than the silence after a timeout, some or all of them,
// are never taken for those of the registers that are asked for meanwhile:
// neither where all requests are alike nor where one is of another size.
func TestDev_laterThanTheNextRequest(t *testing.T) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, share := range []float64{0.1, 1} {
		for _, late := range []float64{2.2, 3} { // in timeouts
			for _, at := range [][]int{{0, 100, 200}, {0, 100, 101, 102, 200}} {
				wg.Go(func() {
					t.Run(fmt.Sprintf("%v of %d registers %v late", share, len(at), late), func(t *testing.T) { readLate(t, share, late, words(at...)) })
				})
			}
		}
	}
}

func readLate(t *testing.T, share, late float64, regs []Register) {
	const timeout = 150 * time.Millisecond
	l, s := serialLine(t, 0, map[uint8]*modbussim.Bank{7: counted()}, LineOptions{Timeout: timeout})
	d := newDev(t, l, 7, regs, Options{Pause: 2 * timeout})
	s.SetFault(modbussim.Fault{Lie: modbussim.Late, Share: share, Delay: time.Duration(late * float64(timeout)), Seed: 1})
	good, dst := 0, make([]float64, len(regs))
	for range 20 {
		start := time.Now()
		d.Read(context.Background(), dst) // errors are what is wanted
		for i, v := range dst {
			if want := float64(1000 + int(regs[i].Address)); v == want {
				good++
			} else if !math.IsNaN(v) {
				t.Errorf("%v is %v, want %v", regs[i], v, want)
			}
		}
		time.Sleep(time.Until(start.Add(2 * timeout)))
	}
	if t.Logf("%d of %d values", good, 20*len(regs)); share < 1 && good < 20 {
		t.Errorf("%d good values", good)
	}
}

// One answer that is lost costs two readings at the most, so that it is no
// fault of the sensor.
func TestDev_oneLostAnswer(t *testing.T) {
	l, s := serialLine(t, 0, map[uint8]*modbussim.Bank{7: counted()}, LineOptions{Timeout: 100 * time.Millisecond})
	d := newDev(t, l, 7, words(0, 100), Options{})
	var errs []error
	begin := time.Now()
	for i := range 8 {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * 150 * time.Millisecond)))
		s.SetSilent(7, i == 3)
		_, err := read(t, d)
		errs = append(errs, err)
	}
	for i, err := range errs {
		if lost := i == 3 || i == 4; err != nil && !lost {
			t.Errorf("reading %d: %v", i, err)
		}
	}
}
