package modbus

import (
	"context"
	"errors"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/drivers"
)

// heardLine is a listener on a port whose other end the test holds.
type heardLine struct {
	*Listener
	mu     sync.Mutex
	conn   net.Conn // of the newest port; nil = none was opened
	absent error
}

func (h *heardLine) wire() net.Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conn
}

func (h *heardLine) setAbsent(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.absent = err
}

// listenTo listens to a port that is there, or to none for the cause absent.
func listenTo(t *testing.T, absent error) *heardLine {
	h := &heardLine{absent: absent}
	h.Listener = NewListener(func(context.Context) (Port, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.absent != nil {
			return nil, h.absent
		}
		ours, theirs := net.Pipe()
		h.conn = theirs
		return ours, nil
	}, ListenOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { h.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return h
}

// say puts frames on the line, 10 ms apart.
func (h *heardLine) say(t *testing.T, frames ...[]byte) {
	t.Helper()
	for _, f := range frames {
		if _, err := h.wire().Write(appendCRC(f)); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond)
}

func overheard(t *testing.T, h *heardLine) (*Overheard, func() ([]float64, error)) {
	t.Helper()
	o, err := NewOverheard(h.Listener, 7, []Register{
		{Name: "speed", Table: Holding, Address: 16, Type: U16, Scale: 0.1},
		{Name: "power", Table: Holding, Address: 17, Type: I32, Scale: 1, Missing: []uint64{0x80000000}},
		{Name: "open", Table: Coil, Address: 5, Type: Bit, Scale: 1},
	}, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float64, 3)
	return o, func() ([]float64, error) { err := o.Read(context.Background(), dst); return dst, err }
}

var nan = math.NaN()

func wantCells(t *testing.T, what string, got []float64, want ...float64) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] && !(math.IsNaN(got[i]) && math.IsNaN(want[i])) {
			t.Errorf("%s: %v, want %v", what, got, want)
			return
		}
	}
}

// A value is read once, only if it was heard whole, and never when it is old.
func TestOverheard_fresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := listenTo(t, nil)
		o, read := overheard(t, h)
		synctest.Wait()
		h.say(t, []byte{7, 3, 0, 15, 0, 4}, []byte{7, 3, 8, 0, 1, 0, 123, 0xFF, 0xFF, 0xFF, 0xFE}, []byte{7, 1, 0, 0, 0, 9}, []byte{7, 1, 2, 0x20, 0})
		got, err := read()
		wantCells(t, "heard", got, float64(123*0.1), -2, 1)
		if err != nil {
			t.Error(err)
		}
		got, err = read()
		wantCells(t, "nothing new", got, nan, nan, nan)
		if err == nil || errors.Is(err, drivers.ErrBus) {
			t.Errorf("nothing new: %v", err)
		}
		h.say(t, []byte{7, 3, 0, 15, 0, 3}, []byte{7, 3, 6, 0, 1, 0, 124, 0, 0})
		got, err = read()
		wantCells(t, "half of power", got, float64(124*0.1), nan, nan)
		if err == nil || !strings.Contains(err.Error(), "holding 17, coil 5: not overheard for") {
			t.Errorf("half of power: %v", err)
		}
		h.say(t, []byte{7, 3, 0, 16, 0, 1}, []byte{7, 3, 2, 0, 1})
		time.Sleep(2 * time.Second)
		read()
		if age := o.Age(0); age < 2*time.Second || age > 3*time.Second {
			t.Errorf("a value of 2 s ago is told to be %v old", age)
		}
		h.say(t, []byte{7, 3, 0, 17, 0, 2}, []byte{7, 3, 4, 0x80, 0, 0, 0})
		var v *drivers.ValueError
		if got, err = read(); !errors.As(err, &v) || v.Channel != "power" {
			t.Errorf("a sentinel: %v, %v", got, err)
		}
		h.say(t, []byte{8, 3, 0, 16, 0, 3}, []byte{8, 3, 6, 0, 1, 0, 2, 0, 3})
		got, _ = read()
		wantCells(t, "another unit", got, nan, nan, nan)
		h.say(t, []byte{7, 3, 0, 16, 0, 1}, []byte{7, 3, 2, 0, 1})
		time.Sleep(6 * time.Second)
		got, _ = read()
		wantCells(t, "old", got, nan, nan, nan)
	})
}

// What is wrong is said: not plugged in, silent, senseless, another unit.
func TestOverheard_trouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := listenTo(t, errors.New("no such port"))
		_, read := overheard(t, h)
		expect := func(bus bool, text string) {
			t.Helper()
			got, err := read()
			if err == nil || errors.Is(err, drivers.ErrBus) != bus || !strings.Contains(err.Error(), text) {
				t.Errorf("%v, want %q", err, text)
			}
			wantCells(t, text, got, nan, nan, nan)
		}
		time.Sleep(time.Second)
		expect(true, "no such port")
		h.setAbsent(nil)
		time.Sleep(time.Second)
		expect(false, "never overheard an answer of this unit")
		time.Sleep(3 * time.Second)
		expect(true, "overheard nothing for")
		for range 40 {
			h.wire().Write([]byte{1, 2, 3, 4, 5})
			time.Sleep(100 * time.Millisecond)
		}
		expect(true, "no frame for")
		h.say(t, []byte{9, 3, 0, 16, 0, 1}, []byte{9, 3, 2, 0, 1})
		expect(false, "never overheard an answer of this unit, only of units 9")
	})
}

// A port that vanishes is opened again, and nothing pairs across the hole.
func TestListener_hangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := listenTo(t, nil)
		_, read := overheard(t, h)
		synctest.Wait()
		for range 100 {
			h.say(t, []byte{7, 3, 0, 16, 0, 1})
			h.wire().Close()
			time.Sleep(time.Second)
			h.say(t, []byte{7, 3, 2, 0, 1})
			got, _ := read()
			wantCells(t, "across a hole", got, nan, nan, nan)
		}
		h.say(t, []byte{7, 3, 0, 16, 0, 1}, []byte{7, 3, 2, 0, 5})
		got, _ := read()
		wantCells(t, "afterwards", got, 0.5, nan, nan)
		if s := h.Stats(); s.Opens != 101 || s.Hangups != 100 {
			t.Errorf("%+v", s)
		}
	})
}

// Wait ends when all is heard, or with its context.
func TestOverheard_wait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := listenTo(t, nil)
		o, read := overheard(t, h)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		begin := time.Now()
		if o.Wait(ctx); time.Since(begin) != time.Second {
			t.Errorf("waited %v for nothing", time.Since(begin))
		}
		var saying sync.WaitGroup
		defer saying.Wait()
		saying.Go(func() {
			h.say(t, []byte{7, 3, 0, 16, 0, 3}, []byte{7, 3, 6, 0, 1, 0, 2, 0, 3}, []byte{7, 1, 0, 5, 0, 1}, []byte{7, 1, 1, 1})
		})
		begin = time.Now()
		if o.Wait(context.Background()); time.Since(begin) > 200*time.Millisecond {
			t.Errorf("waited %v for what was said at once", time.Since(begin))
		}
		got, err := read()
		if wantCells(t, "waited for", got, 0.1, 131075, 1); err != nil {
			t.Error(err)
		}
	})
}

// A power of ten goes with the value of the same answer, or there is none; a date is
// held against the time at which it was heard.
func TestOverheard_power(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := listenTo(t, nil)
		o, err := NewOverheard(h.Listener, 7, []Register{
			{Name: "power", Table: Holding, Address: 16, Type: I16, Scale: 1, Power: &Place{Holding, 18}},
			{Name: "clock", Table: Holding, Address: 20, Type: Date32, Scale: 1},
			{Name: "total", Table: Holding, Address: 30, Type: M10K64, Scale: 1},
		}, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		dst := make([]float64, 3)
		h.say(t, []byte{7, 3, 0, 16, 0, 2}, []byte{7, 3, 4, 0, 5, 0, 1}) // without the power
		if err := o.Read(t.Context(), dst); err == nil || !math.IsNaN(dst[0]) {
			t.Errorf("%v, %v", dst, err)
		}
		now := uint32(time.Now().Unix())
		clock := []byte{7, 3, 4, byte(now >> 24), byte(now >> 16), byte(now >> 8), byte(now)}
		h.say(t, []byte{7, 3, 0, 16, 0, 3}, []byte{7, 3, 6, 0, 5, 0, 1, 0xFF, 0xFE}, []byte{7, 3, 0, 20, 0, 2}, clock,
			[]byte{7, 3, 0, 30, 0, 4}, []byte{7, 3, 8, 0, 1, 0, 2, 0, 3, 0, 4})
		time.Sleep(2 * time.Second)
		if err := o.Read(t.Context(), dst); err != nil || dst[0] != 0.05 || dst[1] > 0 || dst[1] < -1 || dst[2] != 1_0002_0003_0004 {
			t.Errorf("%v, %v", dst, err)
		}
		for _, r := range []Register{{Name: "a", Table: Holding, Type: I16, Scale: 1, Power: &Place{Input, 1}}, {Name: "a", Table: Holding, Type: U32, Scale: 1, Wide: true}} {
			if _, err := NewOverheard(h.Listener, 7, []Register{r}, 0); err == nil {
				t.Errorf("%+v is overheard", r)
			}
		}
	})
}
