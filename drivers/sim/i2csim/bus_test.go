package i2csim

import (
	"bytes"
	"errors"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

type echo struct{}

func (echo) Tx(w, r []byte) error { copy(r, w); return nil }

func TestBus(t *testing.T) {
	b := New("sim")
	r := make([]byte, 2)
	if err := b.Tx(0x48, []byte{1, 2}, r); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("empty address: %v, want ENXIO", err)
	}
	b.Attach(0x48, echo{})
	if err := b.Tx(0x48, []byte{1, 2}, r); err != nil || !bytes.Equal(r, []byte{1, 2}) {
		t.Errorf("got %v, %v", r, err)
	}
	b.Detach(0x48)
	if err := b.Tx(0x48, nil, r); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("detached: %v, want ENXIO", err)
	}
	if b.Count() != 3 || b.String() != "sim" {
		t.Errorf("count %d name %q", b.Count(), b)
	}
	b.Attach(0x48, echo{})
	b.Close()
	if err := b.Tx(0x48, nil, r); !errors.Is(err, ErrClosed) || !b.Closed() {
		t.Errorf("closed: %v", err)
	}
}

func TestBus_faults(t *testing.T) {
	b := New("sim")
	b.Attach(1, echo{})
	cause := errors.New("stuck")
	b.FailAfter(1, 2, cause)
	var got []bool
	for range 5 {
		got = append(got, errors.Is(b.Tx(1, nil, nil), cause))
	}
	if want := []bool{false, true, true, false, false}; !equal(got, want) {
		t.Errorf("failed %v, want %v", got, want)
	}
	b.FailNext(-1, cause)
	for range 100 {
		if b.Tx(1, nil, nil) == nil {
			t.Fatal("a transaction passed")
		}
	}
	b.FailNext(0, nil)
	if err := b.Tx(1, nil, nil); err != nil {
		t.Error(err)
	}
	b.NACK(0.05, 1)
	lost := 0
	for range 10000 {
		if errors.Is(b.Tx(1, nil, nil), syscall.EREMOTEIO) {
			lost++
		}
	}
	if lost < 400 || lost > 600 {
		t.Errorf("lost %d of 10000, want about 500", lost)
	}
}

func equal(a, b []bool) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

func TestBus_hang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New("sim")
		b.Attach(1, echo{})
		b.Hang(time.Minute)
		begin := time.Now()
		if err := b.Tx(1, nil, nil); err != nil || time.Since(begin) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		b.Hang(0)
		if b.Tx(1, nil, nil); time.Since(begin) != time.Minute {
			t.Error("still hangs")
		}
	})
}

func TestBus_holdLow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New("sim")
		b.Attach(1, echo{})
		b.HoldLow(true)
		begin := time.Now()
		if err := b.Tx(1, nil, nil); !errors.Is(err, syscall.ETIMEDOUT) || time.Since(begin) != 200*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		b.HoldLow(false)
		if err := b.Tx(1, nil, nil); err != nil || time.Since(begin) != 200*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

func TestBus_concurrent(t *testing.T) {
	b := New("sim")
	b.Attach(1, NewBME280())
	b.Attach(2, NewINA219(0.1))
	b.Attach(3, NewLM75(11))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := make([]byte, 2)
			for i := range 200 {
				if i == 100 && g == 0 {
					b.FailNext(3, errors.New("fault"))
				}
				b.Tx(uint16(i%4), []byte{0}, r)
			}
		})
	}
	wg.Wait()
	if b.Count() != 1600 {
		t.Errorf("count %d", b.Count())
	}
}

func TestBus_allocs(t *testing.T) {
	b := New("sim")
	b.Attach(1, NewLM75(11))
	w, r := []byte{0}, make([]byte, 2)
	if n := testing.AllocsPerRun(100, func() { b.Tx(1, w, r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
