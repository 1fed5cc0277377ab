package board

import (
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// switched notes when it was set.
type switched struct {
	mu    sync.Mutex
	level []bool
	at    []time.Time
}

func (s *switched) Set(high bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.level, s.at = append(s.level, high), append(s.at, time.Now())
	return nil
}

// The driver is on before the first byte and off only when the last stop bit
// is through.
func TestDriven(t *testing.T) {
	const baud, bits = 19200, 11
	for _, low := range []bool{false, true} {
		master, s := line(t)
		pin := &switched{}
		mode := RS485{Low: low, Before: 2 * time.Millisecond, After: time.Millisecond}
		d, err := s.DrivenBy(pin, mode, baud, bits)
		if err != nil {
			t.Fatal(err)
		}
		frame := []byte("\x01\x03\x00\x00\x00\x01\x84\x0a")
		if n, err := d.Write(frame); n != len(frame) || err != nil {
			t.Fatal(n, err)
		}
		got := make([]byte, len(frame))
		if _, err := io.ReadFull(master, got); err != nil || string(got) != string(frame) {
			t.Errorf("% x %v", got, err)
		}
		if want := []bool{low, !low, low}; len(pin.level) != 3 || pin.level[0] != want[0] || pin.level[1] != want[1] || pin.level[2] != want[2] {
			t.Fatalf("low %v: switched %v, want %v", low, pin.level, want)
		}
		wire := time.Duration(len(frame)) * bits * time.Second / baud
		if on := pin.at[2].Sub(pin.at[1]); on < mode.Before+wire+mode.After {
			t.Errorf("the driver was on for %v, want %v at least", on, mode.Before+wire+mode.After)
		}
	}
}

// A port that cannot switch says so: a pseudo terminal is one.
func TestKernelRS485_refused(t *testing.T) {
	_, s := line(t)
	err := s.KernelRS485(RS485{After: 100 * time.Microsecond})
	if err == nil || !strings.Contains(err.Error(), "to RS-485: inappropriate ioctl for device (ENOTTY): this port's driver cannot switch") {
		t.Errorf("got %v", err)
	}
}

func TestOpenPin_absent(t *testing.T) {
	if _, err := OpenPin("no-such-line"); err == nil || !strings.HasPrefix(err.Error(), "open GPIO line no-such-line: ") {
		t.Errorf("got %v", err)
	}
}
