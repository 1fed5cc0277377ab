package chip

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c/i2ctest"
)

func TestNew_address(t *testing.T) {
	for _, c := range []struct {
		addr, lo, hi uint16
		want         string
	}{
		{0x47, 0x48, 0x4F, "x: address 0x47, want 0x48 to 0x4f"},
		{0x78, 0x76, 0x77, "x: address 0x78, want 0x76 or 0x77"},
	} {
		if _, err := New(nil, "x", c.addr, c.lo, c.hi); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	c, err := New(nil, "x", 0, 0x48, 0x4F)
	if err != nil || c.String() != "x at 0x48" {
		t.Errorf("got %v %v", c.String(), err)
	}
}

func TestTransfers(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		{Addr: 7, W: []byte{1, 2, 3}},
		{Addr: 7, R: []byte{4, 5}},
		{Addr: 7, W: []byte{0xE0, 0}, R: []byte{6, 7, 8}},
		{Addr: 7, W: []byte{9}, R: []byte{0x12, 0x34}},
	}}
	c, _ := New(bus, "x", 7, 7, 7)
	if err := c.Write("setting", 1, 2, 3); err != nil {
		t.Error(err)
	}
	if b, err := c.Receive("data", 2); err != nil || b[1] != 5 {
		t.Errorf("% x %v", b, err)
	}
	if b, err := c.Registers("data", 3, 0xE0, 0); err != nil || b[2] != 8 {
		t.Errorf("% x %v", b, err)
	}
	if v, err := c.Word("id", 9); err != nil || v != 0x1234 {
		t.Errorf("%04x %v", v, err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Write("setting", 1); err == nil || err.Error()[:17] != "writing setting: " {
		t.Errorf("got %v", err)
	}
}

func TestRead_frame(t *testing.T) {
	c, _ := New(nil, "x", 7, 7, 7)
	cause := errors.New("cause")
	dst := []float64{1, 2}
	err := c.Read(t.Context(), dst, 2, func(_ context.Context, dst []float64) error { dst[1] = 5; return cause })
	if !errors.Is(err, cause) || err.Error() != "x at 0x07: cause" || !math.IsNaN(dst[0]) || dst[1] != 5 {
		t.Errorf("got %v %v", dst, err)
	}
	if err := c.Read(t.Context(), dst, 3, nil); err == nil || !math.IsNaN(dst[1]) {
		t.Errorf("wrong length: %v %v", dst, err)
	}
}

func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := New(nil, "x", 7, 7, 7)
		asked, start := 0, time.Now()
		err := c.Poll(t.Context(), 10*time.Millisecond, time.Millisecond, 4, func() (bool, error) { asked++; return false, nil })
		if err != ErrNotReady || asked != 4 || time.Since(start) != 13*time.Millisecond {
			t.Errorf("%v after %d questions and %v", err, asked, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		if err := c.Poll(ctx, time.Second, 0, 1, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if err := c.Poll(t.Context(), 0, 0, 9, func() (bool, error) { return true, nil }); err != nil {
			t.Error(err)
		}
	})
}
