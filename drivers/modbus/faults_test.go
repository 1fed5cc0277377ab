package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// long multiplies the length of what follows with EDGE_LONG=1.
func long(n, times int) int {
	if os.Getenv("EDGE_LONG") != "" {
		return n * times
	}
	return n
}

// Malformed frames on serial lines: no panic, no wrong value, in step within
// two requests. Most of the time passes in waiting, so there are ten lines.
func TestSerial_malformedFrames(t *testing.T) {
	const lines = 10
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range lines {
		wg.Go(func() { // more at once than t.Parallel has processors for
			t.Run(fmt.Sprint("line ", i), func(t *testing.T) { malformed(t, long(400, 25)/lines, uint64(i+1)<<32) })
		})
	}
}

func malformed(t *testing.T, frames int, seed uint64) {
	l, s := serialLine(t, 0, map[uint8]*modbussim.Bank{7: counted()}, LineOptions{Timeout: 100 * time.Millisecond})
	stalls := driverstest.WatchStalls(t)
	lied, read, lies := 0, 0, modbussim.Fault{Lie: modbussim.Malformed, Share: 0.8, Seed: seed}
	for s.SetFault(lies); lied < frames; {
		mustNotBeWrong(t, readWords(l, 7, uint16(read%900), uint16(1+read%20)))
		lied = s.Lies()
		if read++; read%25 != 0 {
			continue
		}
		s.SetFault(modbussim.Fault{})
		for start := time.Now(); ; start = time.Now() {
			first, second := readWords(l, 7, 1, 2), readWords(l, 7, 3, 4)
			if second == nil {
				break
			}
			// Who has no CPU answers late.
			if mustNotBeWrong(t, second); stalls.Longer(20*time.Millisecond, start, time.Now()) == 0 {
				t.Fatalf("not in step within 2 requests: %v, %v", first, second)
			}
		}
		lies.Seed = seed + uint64(read)
		s.SetFault(lies)
	}
	t.Logf("%d malformed answers in %d requests: %+v", lied, read, l.Stats())
}

// Late answers on a serial line are never taken for the next one, although
// nothing in a frame tells them apart.
func TestSerial_lateAnswers(t *testing.T) {
	for _, c := range []struct {
		name string
		mode Mode
	}{{"serial", RTU}, {"serial server", RTUOverTCP}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// What comes more than a timeout late is anybody's answer: a busy
			// machine must not make the simulator's that late.
			const timeout = 250 * time.Millisecond
			units := map[uint8]*modbussim.Bank{7: counted(), 8: counted()}
			var l *Line
			var s *modbussim.Server
			if c.mode == RTU {
				l, s = serialLine(t, 0, units, LineOptions{Timeout: timeout})
			} else {
				var err error
				if s, err = modbussim.ListenRTU("127.0.0.1:0", units); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { s.Close() })
				l = NewLine(Dial(s.Addr()), LineOptions{Mode: c.mode, Timeout: timeout})
				t.Cleanup(func() { l.Close() })
			}
			s.SetFault(modbussim.Fault{Lie: modbussim.Late, Share: 0.1, Delay: timeout * 3 / 2, Seed: 1})
			stalls := driverstest.WatchStalls(t)
			late, ours, reads := 0, 0, long(100, 20)
			for i := range reads {
				// The same shape each time, so that only time tells.
				start := time.Now()
				err := readWords(l, uint8(7+i/3%2), uint16(i%900), 2)
				// The slave had no CPU either, since the request that was late.
				stood := stalls.Longer(timeout/4, start.Add(-3*timeout), time.Now())
				if stood == 0 {
					mustNotBeWrong(t, err)
				}
				switch {
				case stood > 0:
					ours++
				case errors.Is(err, ErrTimeout):
					late++
				}
			}
			if late < reads/50-ours || late > reads/2 || s.Lies() < reads/50 {
				t.Errorf("%d of %d requests timed out, want about a tenth", late, reads)
			}
			t.Logf("%d requests, %d late, %d while this machine stood still, 0 mismatched values, %d passed over", reads, late, ours, l.Stats().Resyncs)
		})
	}
}

// cpu is what this process has used.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// raceDetector tells whether the test was built with it.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// hangingUp unplugs the port in the middle of a request.
type hangingUp struct {
	*modbussim.PTY
	after int // bytes of the request that are still read
}

func (h *hangingUp) Read(b []byte) (int, error) {
	if h.after == 0 {
		return 0, io.EOF
	}
	n, err := h.PTY.Read(b[:min(len(b), h.after)])
	h.after -= max(n, 0)
	return n, err
}

// A port that is hung up in the middle of a request ends it at once or, at the
// latest, at the deadline; meanwhile nothing spins, and the port is read again
// within 2 s of its return as another device under the same name.
func TestSerial_hangUpMidRequest(t *testing.T) {
	const timeout = 200 * time.Millisecond
	units := map[uint8]*modbussim.Bank{7: counted()}
	name := t.TempDir() + "/usb-FTDI_FT232R-if00-port0"
	plug := func(after int) *modbussim.Server {
		p := openPTY(t)
		// Held open, so that its number goes to no terminal of another process.
		hold, err := os.OpenFile(p.Path, os.O_RDWR|syscall.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { hold.Close() })
		os.Remove(name)
		if err := os.Symlink(p.Path, name); err != nil {
			t.Fatal(err)
		}
		if after < 0 {
			return modbussim.ServeRTU(p, 0, units)
		}
		return modbussim.ServeRTU(&hangingUp{p, after}, 0, units)
	}
	l := NewLine(tty(name), LineOptions{Mode: RTU, Timeout: timeout})
	defer l.Close()
	stalls := driverstest.WatchStalls(t)
	used, begin := cpu(t), time.Now()
	var slowest, away time.Duration
	for i := range long(5, 20) {
		before := l.Stats()
		s := plug(i % 8)
		for hung := false; !hung; { // the port's return is noticed first
			start := time.Now()
			err := readWords(l, 7, 1, 2)
			slowest = max(slowest, stalls.Own(start))
			if err == nil {
				t.Fatal("an answer from a port that was unplugged")
			}
			st := l.Stats() // it may be gone before it is opened
			hung = st.Hangups > before.Hangups || st.ConnectErrors > before.ConnectErrors
			time.Sleep(50 * time.Millisecond)
		}
		s.Close()
		os.Remove(name)
		if err := readWords(l, 7, 1, 2); !errors.Is(err, drivers.ErrBus) {
			t.Fatalf("no port: %v, want ErrBus", err)
		}
		s = plug(-1)
		back := time.Now()
		for readWords(l, 7, 1, 2) != nil {
			if away = max(away, stalls.Own(back)); away > 2*time.Second {
				t.Fatal("not read 2 s after the port came back")
			}
			time.Sleep(50 * time.Millisecond)
		}
		s.Close()
		os.Remove(name)
		readWords(l, 7, 1, 2)
	}
	share := float64(cpu(t)-used) / float64(time.Since(begin))
	if slowest > timeout+50*time.Millisecond {
		t.Errorf("a request took %v, want at most %v", slowest, timeout+50*time.Millisecond)
	}
	// In a short run the ports that the test itself makes weigh more, with the
	// race detector everything does.
	most := 0.02
	if os.Getenv("EDGE_LONG") == "" || raceDetector() {
		most = 0.04
	}
	if share > most {
		t.Errorf("%.1f %% of a core while waiting", 100*share)
	}
	t.Logf("slowest %v, back after at most %v, %.2f %% of a core", slowest, away, 100*share)
}

// One byte each 150 ms does not stretch the deadline.
func TestSerial_drip(t *testing.T) {
	l, s := serialLine(t, 0, map[uint8]*modbussim.Bank{7: counted()}, LineOptions{Timeout: dripTimeout})
	s.SetFault(modbussim.Fault{Lie: modbussim.Drip, Delay: 150 * time.Millisecond})
	endsInTime(t, l)
}

const dripTimeout = time.Second

// endsInTime asks a slave that drips: the deadline holds within 10 %.
func endsInTime(t *testing.T, l *Line) {
	t.Helper()
	stalls, start := driverstest.WatchStalls(t), time.Now()
	err := readWords(l, 7, 0, 4)
	d, own := time.Since(start), stalls.Own(start)
	t.Logf("ended after %v, %v of them the machine's: %v", d, d-own, err)
	if !errors.Is(err, ErrTimeout) || d < dripTimeout*9/10 || own > dripTimeout*11/10 {
		t.Errorf("ended after %v with %v, want ErrTimeout after %v", own, err, dripTimeout)
	}
}

// Everything that reaches a serial line is a read request, whatever happens.
func TestSerial_readsOnly(t *testing.T) {
	p := openPTY(t)
	taped := &tape{PTY: p}
	s := modbussim.ServeRTU(taped, 0, map[uint8]*modbussim.Bank{7: counted()})
	l := NewLine(tty(p.Path), LineOptions{Mode: RTU, Timeout: time.Second})
	defer l.Close()
	c := newClient(l, 7, RequestLimits{})
	c.ctx = context.Background()
	for fc := range 256 {
		req := appendCRC([]byte{7, byte(fc), 0, 0, 0, 1})
		if _, err := c.Send(req); (err == nil) != (fc >= 1 && fc <= 4) || err != nil && !errors.Is(err, ErrReadOnly) {
			t.Errorf("function %d: %v", fc, err)
		}
	}
	for _, write := range []func() ([]byte, error){
		func() ([]byte, error) { return c.pdu.WriteSingleCoil(0, 0xff00) },
		func() ([]byte, error) { return c.pdu.WriteMultipleRegisters(0, 1, []byte{0, 1}) },
		func() ([]byte, error) { return c.pdu.ReadWriteMultipleRegisters(0, 1, 0, 1, []byte{0, 1}) },
	} {
		if _, err := write(); !errors.Is(err, ErrReadOnly) {
			t.Errorf("error %v, want ErrReadOnly", err)
		}
	}
	for _, lie := range []modbussim.Lie{modbussim.WrongCRC, modbussim.Mute, modbussim.Noise, modbussim.Garbage, modbussim.Honest} {
		s.SetFault(modbussim.Fault{Lie: lie})
		readWords(l, 7, 0, 3) // whatever comes of it
	}
	l.Close()
	s.Close()
	if len(taped.bytes)%8 != 0 || len(taped.bytes) < 9*8 {
		t.Fatalf("%d bytes on the wire", len(taped.bytes))
	}
	for b := taped.bytes; len(b) > 0; b = b[8:] {
		if b[1] < 1 || b[1] > 4 || crc16(b[:6]) != binary.LittleEndian.Uint16(b[6:]) {
			t.Errorf("on the wire: % x", b[:8])
		}
	}
}

// tape keeps what a server receives.
type tape struct {
	*modbussim.PTY
	bytes []byte
}

func (p *tape) Read(b []byte) (int, error) {
	n, err := p.PTY.Read(b)
	p.bytes = append(p.bytes, b[:max(n, 0)]...)
	return n, err
}
