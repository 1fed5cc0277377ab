package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// tally counts cells by what became of them.
type tally struct{ right, wrong, suspect, missing int }

// count reads a device once and counts its cells. Register a holds 1000+a.
func (c *tally) count(t *testing.T, d *Dev) error {
	t.Helper()
	dst := make([]float64, len(d.regs))
	err := d.Read(t.Context(), dst)
	doubtful := map[string]bool{}
	note := func(part *drivers.PartError) {
		for _, name := range part.Channels {
			doubtful[name] = doubtful[name] || part.Doubtful
		}
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			var part *drivers.PartError
			if errors.As(e, &part) {
				note(part)
			}
		}
	}
	for i, v := range dst {
		switch want := float64(1000 + int(d.regs[i].Address)); {
		case math.IsNaN(v):
			c.missing++
		case doubtful[d.regs[i].Name]:
			c.suspect++
		case v == want:
			c.right++
		default:
			c.wrong++
			t.Errorf("%v is %v, want %v (%v)", d.regs[i], v, want, err)
		}
	}
	return err
}

// A gateway that hands late answers to the next request, under its transaction id:
// once or for ever, after an exception, a silence or a hang-up. No value goes to
// another register.
func TestDev_gatewayAnswersLate(t *testing.T) {
	for _, reply := range []modbussim.StallReply{modbussim.StallException, modbussim.StallSilent, modbussim.StallHangUp} {
		for name, f := range map[string]modbussim.GatewayFault{"held": {}, "one": {OneShot: true}, "flushed": {Flush: true}} {
			t.Run(fmt.Sprint(reply, name), func(t *testing.T) {
				t.Parallel()
				right := 0
				for seed := range uint64(6) {
					f.Reply, f.Stall, f.Lost, f.Late, f.Seed = reply, 0.1, 0.2, 8*time.Millisecond, seed
					g, err := modbussim.ListenGateway("127.0.0.1:0", map[uint8]*modbussim.Bank{7: counted()}, f)
					if err != nil {
						t.Fatal(err)
					}
					l := NewLine(Dial(g.Addr()), LineOptions{Timeout: 30 * time.Millisecond, Pause: time.Millisecond, MaxPause: time.Millisecond})
					d := newDev(t, l, 7, words(0, 30, 60), Options{Pause: time.Millisecond, MaxPause: 5 * time.Millisecond})
					var c tally
					for range 60 {
						c.count(t, d)
						time.Sleep(2 * time.Millisecond)
					}
					all, wrong := g.Requests()
					t.Logf("seed %d: %+v, %d requests, %d got another's answer, unmatched %d", seed, c, all, wrong, l.Stats().Unmatched)
					right += c.right
					l.Close()
					g.Close()
				}
				if name != "held" && right < 6*180/2 {
					t.Errorf("%d of %d cells are right", right, 6*180)
				}
			})
		}
	}
}

// A gateway that was one answer behind before anything was asked here, with requests of
// one size only. No value is believed, and the reason says what to do, until the gateway
// is in step again.
func TestDev_gatewayBehindAtStart(t *testing.T) {
	for size, regs := range map[uint16][]Register{1: words(0, 30, 60), 2: words(0, 1), 4: words(0, 1, 2, 3)} {
		g, err := modbussim.ListenGateway("127.0.0.1:0", map[uint8]*modbussim.Bank{7: counted()}, modbussim.GatewayFault{Stall: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		l := NewLine(Dial(g.Addr()), LineOptions{Timeout: unhurried, Pause: time.Millisecond, MaxPause: time.Millisecond})
		defer l.Close()
		if _, err := l.Read(t.Context(), 7, Input, 100, size); !isSilence(err) {
			t.Fatal(err)
		}
		g.SetFault(modbussim.GatewayFault{})
		d := newDev(t, l, 7, regs, Options{Pause: time.Millisecond, MaxPause: time.Millisecond})
		var c tally
		for range 5 {
			if err := c.count(t, d); err == nil || !strings.Contains(err.Error(), "restart it") && !strings.Contains(err.Error(), "earlier request") && !strings.Contains(err.Error(), "next try") {
				t.Errorf("%v", err)
			}
		}
		if c.right+c.suspect > 0 || c.missing == 0 {
			t.Errorf("%d registers: %+v", len(regs), c)
		}
		g.SetFault(modbussim.GatewayFault{Stall: 0, OneShot: true, Flush: true}) // as if it were restarted
		for range 20 {
			c = tally{}
			time.Sleep(2 * time.Millisecond)
			c.count(t, d)
		}
		if c.right != len(regs) {
			t.Errorf("%d registers after a restart: %+v", len(regs), c)
		}
	}
}

// A device that refuses all but its own registers is read from the first cycle on. One that
// answers nothing else is suspect once.
func TestDev_noAnswerAtStart(t *testing.T) {
	for answer, want := range map[byte]tally{silent: {right: 4, suspect: 1}, illegalAddress: {right: 5}} {
		synctest.Test(t, func(t *testing.T) {
			open, _ := pipeServer(func(_ byte, at, n int) byte {
				if at != 100 || n != 2 {
					return answer
				}
				return 0
			})
			l := NewLine(open, LineOptions{})
			defer l.Close()
			d := newDev(t, l, 7, []Register{reg(Input, 100, U32)}, Options{})
			var c tally
			for range 5 {
				dst := make([]float64, 1)
				switch err := d.Read(t.Context(), dst); {
				case dst[0] != 1100<<16+1101:
					c.wrong++
				case err != nil:
					c.suspect++
				default:
					c.right++
				}
			}
			if c != want {
				t.Errorf("answer %d: %+v, want %+v", answer, c, want)
			}
		})
	}
}

// Another client of a transparent serial server polls the same unit with requests
// of the same size. None of its answers is taken for one of ours, and the fault says
// that it is there. When it is gone, the line is read again.
func TestDev_otherMaster(t *testing.T) {
	for i, every := range []time.Duration{12, 20, 40, 70, 150, 400} {
		every *= time.Millisecond
		t.Run(every.String(), func(t *testing.T) {
			t.Parallel()
			bank := counted()
			bank.SetHolding(200, 9999)
			o := modbussim.OtherMaster{Every: every, Jitter: every / 4, Unit: 7, At: 200, Count: 1, Took: 8 * time.Millisecond, Seed: uint64(i)}
			s, err := modbussim.ListenSerialServer("127.0.0.1:0", map[uint8]*modbussim.Bank{7: bank}, o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			l := NewLine(Dial(s.Addr()), LineOptions{Mode: RTUOverTCP, Timeout: 300 * time.Millisecond})
			defer l.Close()
			regs := words(0, 100)
			for i := range regs {
				regs[i].Table = Holding
			}
			d := newDev(t, l, 7, regs, Options{})
			var c tally
			var newest error
			for range 40 {
				newest = c.count(t, d)
				time.Sleep(30 * time.Millisecond)
			}
			t.Logf("%+v, %d foreign frames, %v", c, l.Stats().Foreign, newest)
			if !errors.Is(newest, drivers.ErrBus) || !strings.Contains(newest.Error(), "another master") {
				t.Errorf("error %v, want that another master is there", newest)
			}
		})
	}
}

// A serial server without another master is read without loss.
func TestDev_noOtherMaster(t *testing.T) {
	bank := counted()
	s, err := modbussim.ListenSerialServer("127.0.0.1:0", map[uint8]*modbussim.Bank{7: bank}, modbussim.OtherMaster{Took: 3 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l := NewLine(Dial(s.Addr()), LineOptions{Mode: RTUOverTCP, Timeout: unhurried})
	defer l.Close()
	d := newDev(t, l, 7, words(0, 100), Options{})
	for range 50 {
		if cells, err := read(t, d); cells != "xx" {
			t.Fatal(err)
		}
	}
	if st := l.Stats(); st.Foreign != 0 {
		t.Errorf("%+v", st)
	}
}

// After the proof of another master nothing is sent for a while, and the proof ends.
func TestOtherMaster_present(t *testing.T) {
	var o otherMaster
	frame := appendCRC([]byte{9, 3, 2, 1, 2})
	own := appendCRC([]byte{7, 3, 0, 0, 0, 1})
	begin := time.Now()
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	hear := func(s int, bytes ...byte) int { return o.overhear(bytes, own, 0, at(s)) }
	if n := hear(0, slices.Concat([]byte{0, 0xFF}, own, []byte{1, 2, 3})...); n != 0 {
		t.Errorf("an echo between noise counts as %d frames", n)
	}
	o.awaits(9, at(10))
	if n := hear(5, frame...); n != 0 {
		t.Errorf("a late answer counts as %d frames", n)
	}
	for i, s := range []int{20, 45, 49} {
		if n := hear(s, slices.Concat([]byte{0xFE}, frame)...); n != 1 || o.count() != uint64(i+1) {
			t.Errorf("%d frames, %d in all", n, o.count())
		}
		if err := o.present(at(s)); (err != nil) != (i == 2) {
			t.Errorf("after %d frames: %v", i+1, err)
		}
	}
	if err := o.present(at(78)); err == nil {
		t.Error("forgotten too early")
	}
	if err := o.present(at(79)); err != nil {
		t.Error(err)
	}
}

// Whatever is overheard, the search for frames ends and finds frames only.
func FuzzOtherMaster(f *testing.F) {
	f.Add(appendCRC([]byte{9, 3, 2, 1, 2}))
	f.Add(append([]byte{1, 0x83}, appendCRC([]byte{9, 3, 0, 0, 0, 1})...))
	f.Fuzz(func(t *testing.T, got []byte) {
		var o otherMaster
		n := o.overhear(got, make([]byte, requestChars), 2, time.Now())
		if n > len(got)/5 {
			t.Errorf("%d frames in %d bytes", n, len(got))
		}
		for len(got) >= rtuOverhead+2 {
			if n := anyFrame(got); n != 0 && !intact(got[:n]) {
				t.Fatalf("% x is no frame", got[:n])
			}
			got = got[1:]
		}
	})
}

// A device that gives only the first register of a request is read register by
// register, from the first cycle on, whether its values were zero at first or not. A
// device whose registers are zero indeed costs a few requests, and then hardly any.
func TestDev_firstRegisterOnly(t *testing.T) {
	for _, regs := range [][]Register{words(0, 1, 2), words(10, 11, 14, 20, 21, 50, 51, 100)} {
		b := counted()
		b.SetFirstOnly(true)
		s := serve(t, map[uint8]*modbussim.Bank{7: b})
		d := newDev(t, newLine(t, s, LineOptions{}), 7, regs, Options{MaxGap: 8})
		var c tally
		for range 5 {
			c.count(t, d)
		}
		if c.right != 5*len(regs) {
			t.Errorf("%+v of %d cells", c, 5*len(regs))
		}
		if before := s.RequestsTo(7); c.count(t, d) != nil || s.RequestsTo(7) != before+len(regs) {
			t.Errorf("%d requests for %d registers", s.RequestsTo(7)-before, len(regs))
		}
	}
}

// A block that is zero at first, and of which one register rises later, is compared
// again, in pauses that double: it costs 5 minutes at most, whichever register it is.
func TestDev_firstRegisterOnlyLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up, asked := false, 0
		open := pipeWords(func(at, n int) []uint16 {
			asked++
			words := make([]uint16, n)
			if words[0] = uint16(1000 + at); at > 0 && !(up && at == 3) {
				words[0] = 0
			}
			return words
		})
		l := NewLine(open, LineOptions{})
		defer l.Close()
		d, dst := newDev(t, l, 7, words(0, 1, 2, 3), Options{}), make([]float64, 4)
		for range 3600 {
			if err := d.Read(t.Context(), dst); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if asked > 3600+15*3+1 {
			t.Errorf("%d requests in 3600 cycles", asked)
		}
		up = true
		wrong := 0
		for range 2 * 3600 {
			if err := d.Read(t.Context(), dst); err != nil {
				t.Fatal(err)
			}
			if dst[3] != 1003 {
				wrong++
			}
			time.Sleep(time.Second)
		}
		if wrong > 300 || dst[1] != 0 || dst[3] != 1003 {
			t.Errorf("%v after %d cycles with zeros", dst, wrong)
		}
	})
}

// A device whose registers are all zero now and then, in whatever rhythm, is not taken
// for one that gives only the first register.
func TestDev_zerosNowAndThen(t *testing.T) {
	for _, every := range []int{2, 3, 4, 5, 7} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			l := NewLine(pipeWords(func(at, n int) []uint16 {
				words := make([]uint16, n)
				if asked++; asked%every != 1%every {
					for i := range words {
						words[i] = uint16(1000 + at + i)
					}
				}
				return words
			}), LineOptions{})
			defer l.Close()
			d, dst := newDev(t, l, 7, words(0, 1, 2, 3), Options{}), make([]float64, 4)
			for range 300 {
				if err := d.Read(t.Context(), dst); err != nil {
					t.Fatal(err)
				}
				if zero := dst[0] == 0; zero != (dst[1] == 0) || zero != (dst[3] == 0) || !zero && dst[3] != 1003 {
					t.Fatalf("every %d: %v in one answer", every, dst)
				}
				time.Sleep(time.Second)
			}
		})
	}
}

// pipeWords answers requests with the registers that words returns.
func pipeWords(words func(at, n int) []uint16) func(context.Context) (io.ReadWriteCloser, error) {
	return func(context.Context) (io.ReadWriteCloser, error) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			req := make([]byte, 12)
			for {
				if _, err := io.ReadFull(far, req); err != nil {
					return
				}
				n := int(req[11])
				ans := append([]byte{}, req[0], req[1], 0, 0, 0, byte(3+2*n), req[6], req[7], byte(2*n))
				for _, w := range words(int(req[8])<<8|int(req[9]), n) {
					ans = binary.BigEndian.AppendUint16(ans, w)
				}
				if _, err := far.Write(ans); err != nil {
					return
				}
			}
		}()
		return near, nil
	}
}

// An answer with a wrong byte count, or with fewer registers than were asked for,
// costs the cycle in which it comes and no other.
func TestDev_wrongByteCount(t *testing.T) {
	for _, lie := range []modbussim.Lie{modbussim.WrongCount, modbussim.Truncated} {
		for name, line := range map[string]func() (*Line, *modbussim.Server){
			"tcp": func() (*Line, *modbussim.Server) {
				s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
				return newLine(t, s, LineOptions{Timeout: unhurried}), s
			},
			"rtu": func() (*Line, *modbussim.Server) {
				return serialLine(t, 0, map[uint8]*modbussim.Bank{7: counted()}, LineOptions{Timeout: unhurried})
			},
		} {
			l, s := line()
			d := newDev(t, l, 7, words(0, 1, 2, 3), Options{})
			s.SetFault(modbussim.Fault{Lie: lie, Every: 5})
			lost := 0
			for range 40 {
				if _, err := read(t, d); err != nil {
					lost++
				}
				time.Sleep(40 * time.Millisecond)
			}
			if lost > s.Lies() || lost == 0 {
				t.Errorf("%s, lie %v: %d cycles lost by %d answers", name, lie, lost, s.Lies())
			}
		}
	}
}

// A device that is busy is asked again after a pause, as often as Retries says.
func TestDev_busyRetries(t *testing.T) {
	for _, code := range []byte{5, 6} {
		s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
		twice := 2
		d := newDev(t, newLine(t, s, LineOptions{}), 7, words(0, 1, 2), Options{RequestLimits: RequestLimits{Retries: &twice}})
		s.SetFault(modbussim.Fault{Lie: modbussim.Exception, Code: code, Every: 2})
		start := time.Now()
		for i := range 4 {
			if cells, err := read(t, d); cells != "xxx" {
				t.Errorf("code %d, cycle %d: %v", code, i, err)
			}
		}
		if took := time.Since(start); took < 3*busyPause {
			t.Errorf("code %d: %v for three repeated requests", code, took)
		}
		s.SetFault(modbussim.Fault{Lie: modbussim.Exception, Code: code})
		before := s.RequestsTo(7)
		if cells, _ := read(t, d); cells != "---" || s.RequestsTo(7)-before != 3 {
			t.Errorf("code %d for ever: %d requests", code, s.RequestsTo(7)-before)
		}
	}
}

// A device for one client is left alone between two cycles.
func TestLine_closeAfterRead(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
	d := newDev(t, newLine(t, s, LineOptions{CloseAfterRead: true}), 7, words(0, 50, 100), Options{})
	for range 4 {
		if cells, err := read(t, d); cells != "xxx" {
			t.Fatal(err)
		}
	}
	if st := d.client.line.Stats(); s.Connections() != 4 || st.Hangups != 0 || st.Unmatched != 0 {
		t.Errorf("%d connections in 4 cycles, %+v", s.Connections(), st)
	}
}

// A device that answers nothing but its own registers is read again after a few
// canaries without an answer: a gateway that held one back would have given it.
func TestDev_ignoresCanaries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf := true
		open, _ := pipeServer(func(_ byte, at, n int) byte {
			if n != 1 || deaf && at == 0 {
				return silent
			}
			return 0
		})
		l := NewLine(open, LineOptions{Timeout: 300 * time.Millisecond})
		defer l.Close()
		d := newDev(t, l, 7, words(0, 100), Options{NeverRead: []Range{{Table: Holding, First: 0, Last: 200}}})
		var c tally
		c.count(t, d)
		deaf = false
		for range 60 {
			start := time.Now()
			c.count(t, d)
			time.Sleep(time.Until(start.Add(time.Second)))
		}
		if c.wrong > 0 || c.right < 2*50 {
			t.Errorf("%+v", c)
		}
	})
}

// If nothing else of a device may be read, nothing tells whether the gateway is in step:
// the values are doubtful.
func TestDev_noCanary(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
	l := newLine(t, s, LineOptions{Timeout: 200 * time.Millisecond, Pause: time.Millisecond, MaxPause: time.Millisecond})
	d := newDev(t, l, 7, words(0, 100), Options{Alone: true, NeverRead: []Range{{Table: Holding, First: 0, Last: 200}}})
	s.SetFault(modbussim.Fault{Lie: modbussim.Mute})
	var c tally
	c.count(t, d)
	s.SetFault(modbussim.Fault{})
	c = tally{}
	err := c.count(t, d)
	if c != (tally{suspect: 2}) || !errors.Is(err, drivers.ErrBus) || l.Stats().Unmatched == 0 {
		t.Errorf("%+v, %v, %+v", c, err, l.Stats())
	}
}

// Zeros are suspect while nothing tells whether the device gives whole ranges.
func TestDev_firstRegisterOnlyUntold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := true
		l := begun(NewLine(pipeWords(func(at, n int) []uint16 {
			if at > 0 && lost {
				time.Sleep(2 * time.Second) // longer than the timeout
			}
			words := make([]uint16, n)
			words[0] = uint16(1000 + at)
			return words
		}), LineOptions{}))
		defer l.Close()
		d := newDev(t, l, 7, words(0, 1, 2, 3), Options{})
		var c tally
		c.count(t, d)
		if lost = false; c.right > 0 || c.suspect != 4 {
			t.Errorf("%+v", c)
		}
		for range 3 {
			c = tally{}
			time.Sleep(time.Second)
			c.count(t, d)
		}
		if c.right != 4 {
			t.Errorf("%+v", c)
		}
		l.Close()
		time.Sleep(time.Minute) // the one that was asked in vain ends, too
	})
}
