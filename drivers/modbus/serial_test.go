package modbus

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// openPTY is a serial line; closing it unplugs the port.
func openPTY(t testing.TB) *modbussim.PTY {
	t.Helper()
	p, err := modbussim.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// tty opens a serial line by its path.
func tty(path string) func(context.Context) (io.ReadWriteCloser, error) {
	return func(context.Context) (io.ReadWriteCloser, error) {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		return os.NewFile(uintptr(fd), path), nil
	}
}

// serialLine is a line to a simulated server on a pseudo terminal; baud above 0
// makes it keep a UART's time.
func serialLine(t testing.TB, baud int, units map[uint8]*modbussim.Bank, o LineOptions) (*Line, *modbussim.Server) {
	t.Helper()
	p := openPTY(t)
	s := modbussim.ServeRTU(p, baud, units)
	t.Cleanup(func() { s.Close() })
	o.Mode = RTU
	if o.Baud == 0 {
		o.Baud = 115_200
	}
	if o.Timeout == 0 {
		o.Timeout = unhurried
	}
	l := NewLine(tty(p.Path), o)
	t.Cleanup(func() { l.Close() })
	return l, s
}

func TestSerial_reads(t *testing.T) {
	l, s := serialLine(t, 0, map[uint8]*modbussim.Bank{7: counted(), 8: counted()}, LineOptions{})
	for i := range 100 {
		if err := readWords(l, uint8(7+i%2), uint16(i), uint16(1+i%125)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		table Table
		n     uint16
		want  []byte
	}{{Coil, 9, []byte{0b01001001, 0}}, {Discrete, 11, []byte{0b00100001, 0b100}}, {Holding, 1, []byte{0x03, 0xe8}}} {
		if got, err := l.Read(context.Background(), 7, tt.table, 0, tt.n); err != nil || string(got) != string(tt.want) {
			t.Errorf("%v: % x, %v; want % x", tt.table, got, err, tt.want)
		}
	}
	var e *ExceptionError
	if err := readWords(l, 7, 999, 2); !errors.As(err, &e) || *e != (ExceptionError{4, 2}) {
		t.Errorf("error %v, want exception 2", err)
	}
	if err := readWords(l, 7, 1, 2); err != nil {
		t.Error(err)
	}
	if st := l.Stats(); st.Connects != 1 || st.BadFrames+st.Timeouts+st.Hangups+st.Resyncs != 0 || s.Connections() != 1 {
		t.Errorf("stats %+v, want one undisturbed line", st)
	}
}

// Each lie on a serial line is an error or, where it can be passed over, the
// truth; the next request is right and the port stays open.
func TestSerial_eachLie(t *testing.T) {
	units := map[uint8]*modbussim.Bank{7: counted()}
	stalls := driverstest.WatchStalls(t)
	waiting, itsSlave := serialLine(t, 0, units, LineOptions{})
	brisk, other := serialLine(t, 0, units, LineOptions{Timeout: time.Second})
	for _, tt := range []struct {
		lie  modbussim.Lie
		want error
	}{
		{modbussim.WrongUnit, ErrFrame}, {modbussim.WrongFunction, ErrFrame}, {modbussim.ForeignException, ErrFrame},
		{modbussim.WrongCount, ErrFrame}, {modbussim.Truncated, ErrFrame}, {modbussim.WrongCRC, ErrFrame},
		{modbussim.CloseMidFrame, ErrTimeout}, {modbussim.Mute, ErrTimeout},
		{modbussim.Split, nil}, {modbussim.Exception, &ExceptionError{4, 4}},
	} {
		l, s := waiting, itsSlave
		if tt.want == ErrTimeout {
			l, s = brisk, other
		}
		s.SetFault(modbussim.Fault{Lie: tt.lie, Delay: 20 * time.Millisecond, Seed: 4})
		start := time.Now()
		err := readWords(l, 7, 10, 4)
		var e *ExceptionError
		if errors.As(tt.want, &e) {
			if !errors.As(err, &e) || e.Code != 4 {
				t.Errorf("lie %d: error %v, want %v", tt.lie, err, tt.want)
			}
		} else if !errors.Is(err, tt.want) {
			t.Errorf("lie %d: error %v, want %v", tt.lie, err, tt.want)
		}
		if d := stalls.Own(start); tt.want != ErrTimeout && d > 2*atOnce {
			t.Errorf("lie %d: found after %v, want at once", tt.lie, d)
		}
		s.SetFault(modbussim.Fault{})
		if err := readWords(l, 7, 20, 4); err != nil {
			t.Errorf("after lie %d: %v", tt.lie, err)
		}
	}
	for _, l := range []*Line{waiting, brisk} {
		if st := l.Stats(); st.Connects != 1 {
			t.Errorf("stats %+v, want a port that stays open", st)
		}
	}
}

// An exception may come in two pieces: goburrow's own handler reads the first
// four bytes as the whole and is out of step from then on.
func TestSerial_splitException(t *testing.T) {
	l, s := serialLine(t, 0, map[uint8]*modbussim.Bank{7: counted()}, LineOptions{})
	s.SetFault(modbussim.Fault{Lie: modbussim.Split, Delay: 20 * time.Millisecond})
	for range 5 {
		var e *ExceptionError
		if err := readWords(l, 7, 999, 2); !errors.As(err, &e) || e.Code != illegalAddress {
			t.Errorf("error %v, want exception 2", err)
		}
		if err := readWords(l, 7, 1, 2); err != nil {
			t.Error(err)
		}
	}
}

// An adapter that was unplugged is an error at once, and the line is read again
// within 2 s of the port's return under its name.
func TestSerial_portReturns(t *testing.T) {
	units := map[uint8]*modbussim.Bank{7: counted()}
	link := t.TempDir() + "/usb-FTDI_FT232R-if00-port0"
	plug := func() *modbussim.Server {
		p := openPTY(t)
		os.Remove(link)
		if err := os.Symlink(p.Path, link); err != nil {
			t.Fatal(err)
		}
		return modbussim.ServeRTU(p, 0, units)
	}
	s := plug()
	l := NewLine(tty(link), LineOptions{Mode: RTU, Timeout: time.Second})
	defer l.Close()
	stalls := driverstest.WatchStalls(t)
	for range 3 {
		if err := readWords(l, 7, 1, 2); err != nil {
			t.Fatal(err)
		}
		s.Close()
		os.Remove(link)
		for range 20 {
			start := time.Now()
			if err := readWords(l, 7, 1, 2); !errors.Is(err, drivers.ErrBus) || stalls.Own(start) > 100*time.Millisecond {
				t.Fatalf("unplugged: %v after %v, want ErrBus at once", err, stalls.Own(start))
			}
			time.Sleep(20 * time.Millisecond)
		}
		s = plug()
		back := time.Now()
		for readWords(l, 7, 1, 2) != nil {
			if stalls.Own(back) > 2*time.Second {
				t.Fatal("not read 2 s after the port came back")
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Logf("read again after %v", time.Since(back))
	}
	s.Close()
}

// cannedRTU answers each request at once with the bytes that it holds.
type cannedRTU struct{ canned }

func (c *cannedRTU) Write(req []byte) (int, error) { return len(req), nil }
func (c *cannedRTU) Read(b []byte) (int, error)    { return copy(b, c.answer[:]), nil }

// A request on a serial line allocates what goburrow's client does, and nothing
// else.
func TestSerial_allocations(t *testing.T) {
	conn := &cannedRTU{}
	frame := appendCRC([]byte{7, 4, 4, 0, 1, 0, 2})
	l := NewLine(func(context.Context) (io.ReadWriteCloser, error) { return conn, nil }, LineOptions{Mode: RTU, Baud: 115200})
	copy(conn.answer[:], frame)
	c := newClient(l, 7, RequestLimits{})
	ask := func() {
		if _, err := c.read(context.Background(), Input, 0, 2, 2); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	if n := driverstest.Allocs(perRequest, 100, ask); n > perRequest {
		t.Errorf("%v allocations, want the %d of goburrow's client", n, perRequest)
	}
}
