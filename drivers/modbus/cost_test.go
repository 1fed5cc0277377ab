package modbus

import (
	"testing"
	"time"
)

// By hand: 8 characters, 5 ms, 5+2n characters, 3.5 characters of silence.
func TestDev_Cost(t *testing.T) {
	l := NewLine(nil, LineOptions{Mode: RTU})
	d := newDev(t, l, 7, []Register{reg(Input, 0, U16), reg(Input, 1, F32), reg(Coil, 0, Bit), reg(Coil, 8, Bit)}, Options{MaxGap: 8})
	for _, c := range []struct {
		baud  int
		pause time.Duration
		want  Cost
	}{
		// 9600: 1.146 ms a character; 3 registers 19, 9 bits 15 characters; silence 4.01 ms.
		{9600, 0, Cost{2, 56_979 * time.Microsecond, 26_770 * time.Microsecond}},
		{9600, 10 * time.Millisecond, Cost{2, 68_958 * time.Microsecond, 26_770 * time.Microsecond}},
		{115200, 0, Cost{2, 16_746 * time.Microsecond, 6_814 * time.Microsecond}},
	} {
		got := d.Cost(c.baud, c.pause)
		off := func(a, b time.Duration) bool { return (a - b).Abs() > 5*time.Microsecond }
		if got.Requests != c.want.Requests || off(got.Wire, c.want.Wire) || off(got.Longest, c.want.Longest) {
			t.Errorf("%d baud, pause %v: %+v, want %+v", c.baud, c.pause, got, c.want)
		}
	}
}

// Behind a serial server a cycle ends with a wait of one and a half answers.
func TestDev_CostBehindServer(t *testing.T) {
	regs := []Register{reg(Input, 0, U16)}
	near, far := newDev(t, NewLine(nil, LineOptions{Mode: RTU}), 7, regs, Options{}), newDev(t, NewLine(nil, LineOptions{Mode: RTUOverTCP}), 7, regs, Options{})
	for _, baud := range []int{1200, 9600} {
		a, b := near.Cost(baud, 0), far.Cost(baud, 0)
		if want := min(a.Longest*3/2, 250*time.Millisecond); b.Wire-a.Wire != want || b.Longest != a.Longest {
			t.Errorf("%d baud: %+v and %+v, want %v more", baud, a, b, want)
		}
	}
}
