package modbus

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"
)

// cable is a serial line between two ports, whose names it returns.
func cable(t *testing.T) (ours, theirs string) {
	t.Helper()
	a, b := openPTY(t), openPTY(t)
	go io.Copy(a, b) // both end when the pseudo terminals are closed
	go io.Copy(b, a)
	return a.Path, b.Path
}

// peerLines are lines to a server in testdata: TCP and RTU.
func peerLines(t *testing.T, server string) map[string]func(t *testing.T) *Line {
	return map[string]func(t *testing.T) *Line{
		"tcp": func(t *testing.T) *Line {
			return NewLine(Dial("127.0.0.1:"+startPeer(t, server)), LineOptions{Timeout: unhurried})
		},
		"rtu": func(t *testing.T) *Line {
			ours, theirs := cable(t)
			startPeer(t, server, theirs)
			return NewLine(tty(ours), LineOptions{Mode: RTU, Baud: 115200, Timeout: 2 * time.Second})
		},
	}
}

// libmodbus answers what we ask, over TCP and over a serial line.
func TestLine_againstLibmodbus(t *testing.T) {
	for name, open := range peerLines(t, "libmodbus_server.py") {
		t.Run(name, func(t *testing.T) {
			l := open(t)
			defer l.Close()
			for i := range 50 {
				if err := readWords(l, 7, uint16(17*i), uint16(1+i*124/49)); err != nil {
					t.Fatal(err)
				}
			}
			for _, table := range []Table{Coil, Discrete} {
				b, err := l.Read(context.Background(), 7, table, 0, 2000)
				if err != nil {
					t.Fatal(err)
				}
				each := map[Table]int{Coil: 3, Discrete: 5}[table]
				for i := range 2000 {
					if on := b[i/8]>>(i%8)&1 == 1; on != (i%each == 0) {
						t.Fatalf("%v %d is %v", table, i, on)
					}
				}
			}
			var e *ExceptionError
			if err := readWords(l, 7, 990, 20); !errors.As(err, &e) || e.Code != illegalAddress {
				t.Errorf("beyond the last register: %v, want exception 2", err)
			}
			if err := readWords(l, 7, 5, 3); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			if st := l.Stats(); st.Connects != 1 || st.BadFrames+st.Timeouts+st.Hangups+st.Resyncs+st.Retries != 0 {
				t.Errorf("stats %+v, want one undisturbed line", st)
			}
		})
	}
}

// pymodbus over a serial line: every type of value is tested over TCP.
func TestLine_againstPymodbusRTU(t *testing.T) {
	l := peerLines(t, "pymodbus_server.py")["rtu"](t)
	defer l.Close()
	d := newDev(t, l, 7, []Register{reg(Input, 0, F32), reg(Holding, 10, U32), reg(Input, 200, U16), reg(Input, 324, U16), reg(Coil, 999, Bit)}, Options{})
	dst := make([]float64, 5)
	for range 20 {
		if err := d.Read(context.Background(), dst); err != nil {
			t.Fatal(err)
		}
		for i, want := range []float64{-1234.5, 3000000000, 0, 62000, 1} {
			if dst[i] != want {
				t.Errorf("value %d is %v, want %v", i, dst[i], want)
			}
		}
	}
	if err := readWords(l, 8, 0, 1); err == nil {
		t.Error("a unit that does not exist answered")
	}
}
