package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

func newDev(t testing.TB, l *Line, unit uint8, regs []Register, o Options) *Dev {
	t.Helper()
	d, err := New(l, unit, regs, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// words are the counted bank's input registers at these addresses.
func words(at ...int) []Register {
	var out []Register
	for _, a := range at {
		out = append(out, reg(Input, a, U16))
	}
	return out
}

// read makes one cycle and checks every cell that is not NaN against the
// counted bank; it returns which cells are there.
func read(t *testing.T, d *Dev) (string, error) {
	t.Helper()
	dst := make([]float64, len(d.regs))
	err := d.Read(context.Background(), dst)
	var there strings.Builder
	for i, v := range dst {
		if math.IsNaN(v) {
			there.WriteByte('-')
			continue
		}
		there.WriteByte('x')
		if want := float64(1000 + int(d.regs[i].Address)); v != want {
			t.Errorf("%v is %v, want %v", d.regs[i], v, want)
		}
	}
	if (err == nil) == strings.Contains(there.String(), "-") {
		t.Errorf("cells %v with error %v", &there, err)
	}
	return there.String(), err
}

func TestDev_read(t *testing.T) {
	var b modbussim.Bank
	b.SetInput(15, 473)
	b.SetHoldingFloat32(39, -12.25)
	b.SetHolding(41, 0xffff, 0xfffe)
	b.SetCoil(2, true)
	b.SetCoil(11, false)
	b.SetCoil(12, true)
	b.SetDiscrete(0, true)
	for i := 3; i < 11; i++ {
		b.SetCoil(i, i%2 == 0)
	}
	s := serve(t, map[uint8]*modbussim.Bank{7: &b})
	d := newDev(t, newLine(t, s, LineOptions{}), 7, []Register{
		{Name: "b12", Table: Coil, Address: 12, Type: Bit, Scale: 1},
		{Name: "speed", Quantity: drivers.Quantity{Unit: "Hz"}, Table: Input, Address: 15, Type: U16, Scale: 0.1},
		{Name: "current", Quantity: drivers.Current, Table: Holding, Address: 39, Type: F32, Scale: 2, Offset: 1},
		{Name: "b2", Table: Coil, Address: 2, Type: Bit, Scale: 1},
		{Name: "n", Table: Holding, Address: 41, Type: I32, Scale: 1},
		{Name: "b11", Table: Coil, Address: 11, Type: Bit, Scale: 1, Offset: 0},
		{Name: "closed", Table: Discrete, Address: 0, Type: Bit, Scale: -1, Offset: 1},
	}, Options{MaxGap: 8})
	dst := make([]float64, 7)
	if err := d.Read(context.Background(), dst); err != nil {
		t.Fatal(err)
	}
	tenth := 0.1 // a variable: the compiler would multiply constants exactly
	want := []float64{1, 473 * tenth, -23.5, 1, -2, 0, 0}
	for i := range want {
		if dst[i] != want[i] {
			t.Errorf("%s = %v, want %v", d.Channels()[i].Name, dst[i], want[i])
		}
	}
	if c := d.Channels()[1]; c != (drivers.Channel{Name: "speed", Quantity: drivers.Quantity{Unit: "Hz"}}) {
		t.Errorf("channel %+v", c)
	}
	if got := s.Requests(); got[1] != 1 || got[2] != 1 || got[3] != 1 || got[4] != 1 {
		t.Errorf("requests by function %v, want one each", got)
	}
}

// NaN and infinities of the wire, and sums that overflow, are missing cells.
func TestDev_notANumber(t *testing.T) {
	var b modbussim.Bank
	b.SetInputFloat32(0, float32(math.NaN()))
	b.SetInputFloat32(2, float32(math.Inf(-1)))
	b.SetInputFloat32(4, 2)
	b.SetInputFloat32(6, math.MaxFloat32)
	s := serve(t, map[uint8]*modbussim.Bank{7: &b})
	regs := []Register{reg(Input, 0, F32), reg(Input, 2, F32), reg(Input, 4, F32), reg(Input, 6, F32)}
	regs[3].Scale = math.MaxFloat64
	d := newDev(t, newLine(t, s, LineOptions{}), 7, regs, Options{})
	dst := make([]float64, 4)
	err := d.Read(context.Background(), dst)
	if err == nil || !math.IsNaN(dst[0]) || !math.IsNaN(dst[1]) || dst[2] != 2 || !math.IsNaN(dst[3]) {
		t.Errorf("cells %v, error %v", dst, err)
	}
	want := "unit 7: input 0: input0f32 is NaN; input 2: input2f32 is -Inf; input 6: input6f32 is +Inf"
	if err != nil && err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

// A device that refuses a gap is asked for the exact ranges from then on.
func TestDev_gapRefused(t *testing.T) {
	var b modbussim.Bank
	for _, a := range []int{10, 11, 14, 20} {
		b.SetInput(a, uint16(1000+a))
	}
	s := serve(t, map[uint8]*modbussim.Bank{7: &b})
	d := newDev(t, newLine(t, s, LineOptions{}), 7, words(20, 10, 14, 11), Options{MaxGap: 8})
	for cycle, requests := range []int{5, 3, 3} { // 10-20, 10-14, 10-11, 14, 20; then three
		before := s.RequestsTo(7)
		if cells, err := read(t, d); cells != "xxxx" || err != nil {
			t.Errorf("cycle %d: cells %s, %v", cycle, cells, err)
		}
		if got := s.RequestsTo(7) - before; got != requests {
			t.Errorf("cycle %d: %d requests, want %d", cycle, got, requests)
		}
	}
}

// A device that takes fewer registers at once than Modbus allows.
func TestDev_tooManyRefused(t *testing.T) {
	b := counted()
	b.SetMaxRegisters(50)
	s := serve(t, map[uint8]*modbussim.Bank{7: b})
	var at []int
	for a := range 120 {
		at = append(at, a)
	}
	d := newDev(t, newLine(t, s, LineOptions{}), 7, words(at...), Options{})
	for cycle, requests := range []int{7, 4, 4} { // 120, 60, 30, 30, 60, 30, 30
		before := s.RequestsTo(7)
		if cells, err := read(t, d); err != nil {
			t.Errorf("cycle %d: cells %s, %v", cycle, cells, err)
		}
		if got := s.RequestsTo(7) - before; got != requests {
			t.Errorf("cycle %d: %d requests, want %d", cycle, got, requests)
		}
	}
}

// One register that the device does not have costs its own cell only.
func TestDev_oneRegisterMissing(t *testing.T) {
	var b modbussim.Bank
	b.SetInput(0, 1000, 1001, 1002)
	b.SetInput(4, 1004)
	b.SetInput(100, 1100)
	s := serve(t, map[uint8]*modbussim.Bank{7: &b})
	d := newDev(t, newLine(t, s, LineOptions{}), 7, words(0, 1, 2, 3, 4, 100), Options{})
	for range 3 {
		cells, err := read(t, d)
		if want := "unit 7: input 3: exception 2 (illegal data address) to function 4"; cells != "xxx-xx" || err.Error() != want {
			t.Errorf("cells %s, error %q, want %q", cells, err, want)
		}
		var e *ExceptionError
		if !errors.As(err, &e) || e.Code != 2 {
			t.Errorf("error %v does not wrap its exception", err)
		}
	}
	b.SetInput(3, 1003)
	if cells, err := read(t, d); cells != "xxxxxx" {
		t.Errorf("once the register is there: %s, %v", cells, err)
	}
}

// A device that refuses everything (booting, the wrong unit) keeps its plan and
// is not flooded with the pieces of it in every cycle.
func TestDev_everythingRefused(t *testing.T) {
	var b modbussim.Bank
	s := serve(t, map[uint8]*modbussim.Bank{7: &b})
	d := newDev(t, newLine(t, s, LineOptions{}), 7, words(0, 1, 2, 3), Options{Pause: time.Hour, MaxPause: time.Hour})
	for range 10 {
		cells, err := read(t, d)
		if want := "unit 7: input 0-3: exception 2 (illegal data address) to function 4"; cells != "----" || err.Error() != want {
			t.Errorf("cells %s, error %q, want %q", cells, err, want)
		}
	}
	if got := s.RequestsTo(7); got != 2*7+8 { // two cycles cut it up, eight do not
		t.Errorf("%d requests, want 22", got)
	}
	b.SetInput(0, 1000, 1001, 1002, 1003)
	before := s.RequestsTo(7)
	if cells, err := read(t, d); cells != "xxxx" || s.RequestsTo(7) != before+1 {
		t.Errorf("once the registers are there: %s, %v, %d requests", cells, err, s.RequestsTo(7)-before)
	}
}

// Other exceptions do not cut the plan, and other requests are still made.
func TestDev_busy(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
	d := newDev(t, newLine(t, s, LineOptions{}), 7, words(0, 1, 50, 51, 100), Options{})
	s.SetFault(modbussim.Fault{Lie: modbussim.Exception, Code: 6, Every: 2})
	cells, err := read(t, d)
	if want := "unit 7: input 50-51: exception 6 (server device busy) to function 4"; cells != "xx--x" || err.Error() != want {
		t.Errorf("cells %s, error %v, want %q", cells, err, want)
	}
	if got := s.RequestsTo(7); got != 3 {
		t.Errorf("%d requests, want 3", got)
	}
}

// A gateway that says its slave is silent is as good as silence: one request.
func TestDev_gatewayTargetSilent(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
	d := newDev(t, newLine(t, s, LineOptions{}), 9, words(0, 50, 100), Options{Pause: time.Hour, MaxPause: time.Hour})
	for range 5 {
		if cells, err := read(t, d); cells != "---" || !strings.Contains(err.Error(), "exception 11 (gateway target") {
			t.Errorf("cells %s, %v", cells, err)
		}
	}
	if got := s.RequestsTo(9); got != 2 {
		t.Errorf("%d requests to the silent unit in 5 cycles, want 2", got)
	}
}

func TestDev_lineDown(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
	l := newLine(t, s, LineOptions{Pause: time.Millisecond, MaxPause: time.Millisecond})
	d := newDev(t, l, 7, words(0, 30, 60), Options{})
	s.SetFault(modbussim.Fault{Lie: modbussim.CloseAtRequest})
	for range 5 {
		before := s.RequestsTo(7)
		if _, err := read(t, d); !errors.Is(err, drivers.ErrBus) || !errors.Is(err, io.EOF) {
			t.Errorf("error %v, want ErrBus and io.EOF", err)
		}
		if got := s.RequestsTo(7) - before; got != 1 {
			t.Errorf("%d requests in a cycle on a broken line, want 1", got)
		}
	}
	s.SetFault(modbussim.Fault{})
	if cells, err := read(t, d); cells != "xxx" { // a broken line is not held against the unit
		t.Errorf("cells %s, %v", cells, err)
	}
}

// On 10 % late answers no value may belong to another request.
func TestDev_lateAnswers(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted(), 8: counted()})
	const timeout = 20 * time.Millisecond // for the connection, too, which a busy machine makes late
	l := newLine(t, s, LineOptions{Timeout: timeout, Pause: time.Millisecond, MaxPause: time.Millisecond})
	a := newDev(t, l, 7, words(0, 30, 60, 90), Options{Pause: time.Millisecond, MaxPause: time.Millisecond})
	b := newDev(t, l, 8, words(300, 330, 360, 390), Options{Pause: time.Millisecond, MaxPause: time.Millisecond})
	s.SetFault(modbussim.Fault{Lie: modbussim.Late, Share: 0.1, Delay: timeout * 3 / 2, Seed: 4})
	full, cycles := 0, 0
	for cycles < 200 || full < 20 && cycles < 2000 { // more where the machine itself makes most answers late
		for _, d := range []*Dev{a, b} {
			cycles++
			if cells, _ := read(t, d); cells == "xxxx" {
				full++
			}
		}
	}
	if full < 20 || s.Lies() < 20 {
		t.Errorf("%d of %d cycles complete with %d late answers, want most", full, cycles, s.Lies())
	}
	t.Logf("%d of %d cycles complete, %d late answers, 0 mismatched values", full, cycles, s.Lies())
}

// silent is a verdict of unitThatRefuses; it is no exception code.
const silent = 0xff

// unitOnPipe answers input reads of the counted bank's values after a
// millisecond, or never while quiet holds the unit or the address.
func unitOnPipe(quiet func(unit byte, at int) bool) (open func(context.Context) (io.ReadWriteCloser, error), asked *atomic.Int64) {
	return pipeServer(func(unit byte, at, _ int) byte {
		if quiet(unit, at) {
			return silent
		}
		return 0
	})
}

// unitThatRefuses answers like unitOnPipe, or with the exception that verdict
// gives for address and quantity.
func unitThatRefuses(verdict func(at, n int) byte) (open func(context.Context) (io.ReadWriteCloser, error), asked *atomic.Int64) {
	return pipeServer(func(_ byte, at, n int) byte { return verdict(at, n) })
}

func pipeServer(verdict func(unit byte, at, n int) byte) (open func(context.Context) (io.ReadWriteCloser, error), asked *atomic.Int64) {
	asked = new(atomic.Int64)
	return func(context.Context) (io.ReadWriteCloser, error) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			req := make([]byte, 12)
			for {
				if _, err := io.ReadFull(far, req); err != nil {
					return
				}
				asked.Add(1)
				at, n := int(req[8])<<8|int(req[9]), int(req[11])
				code := verdict(req[6], at, n)
				if code == silent {
					continue
				}
				time.Sleep(time.Millisecond)
				ans := append([]byte{}, req[0], req[1], 0, 0, 0, byte(3+2*n), req[6], req[7], byte(2*n))
				for v := 1000 + at; v < 1000+at+n; v++ {
					ans = append(ans, byte(v>>8), byte(v))
				}
				if code != 0 {
					ans = []byte{req[0], req[1], 0, 0, 0, 3, req[6], req[7] | 0x80, code}
				}
				if _, err := far.Write(ans); err != nil {
					return
				}
			}
		}()
		return near, nil
	}, asked
}

// A dead unit costs its neighbours two timeouts and then one at each growing
// pause; when it comes back it is read again within the longest pause.
func TestDev_deadUnit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dead atomic.Bool
		dead.Store(true)
		open, _ := unitOnPipe(func(unit byte, _ int) bool { return unit == 7 && dead.Load() })
		l := begun(NewLine(open, LineOptions{Timeout: 300 * time.Millisecond}))
		defer l.Close()
		bad := newDev(t, l, 7, words(0, 50, 100), Options{})
		good := newDev(t, l, 8, words(0, 50, 100), Options{})
		var probes []int // second at which the dead unit cost time
		var last error
		for second := range 200 {
			start := time.Now()
			_, last = read(t, bad)
			switch d := time.Since(start); {
			case !errors.Is(last, ErrTimeout):
				t.Fatalf("error %v does not wrap its cause", last)
			case d == 300*time.Millisecond:
				probes = append(probes, second)
			case d != 0:
				t.Fatalf("second %d: the dead unit cost %v", second, d)
			}
			if cells, err := read(t, good); cells != "xxx" || err != nil {
				t.Fatalf("second %d: neighbour %s, %v", second, cells, err)
			}
			time.Sleep(time.Until(start.Add(time.Second)))
		}
		// Noticed at 1.3 s, tried 1, 2, 4, 8, 16, 30, 30 … s after each timeout.
		if got, want := fmt.Sprint(probes), "[0 1 3 6 11 20 37 68 99 130 161 192]"; got != want {
			t.Errorf("tried in seconds %s, want %s", got, want)
		}
		want := "unit 7: no good answer for 3m19s, next try in 23.3s: no answer: i/o timeout in 300ms"
		if last.Error() != want {
			t.Errorf("error %q, want %q", last, want)
		}
		dead.Store(false)
		back := time.Now()
		for {
			if cells, _ := read(t, bad); cells == "xxx" {
				break
			}
			if time.Since(back) > 31*time.Second {
				t.Fatal("not read 31s after it came back")
			}
			time.Sleep(time.Second)
		}
		if cells, err := read(t, bad); cells != "xxx" {
			t.Errorf("next cycle %s, %v", cells, err)
		}
	})
}

// A range that stays silent on a living unit must hide neither the ranges
// before it nor those after it, and must not cost a timeout in each cycle.
func TestDev_silentRange(t *testing.T) {
	for _, silent := range []int{0, 50, 100} {
		t.Run(fmt.Sprint(silent), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				open, _ := unitOnPipe(func(_ byte, at int) bool { return at == silent })
				l := NewLine(open, LineOptions{Timeout: 300 * time.Millisecond})
				defer l.Close()
				d := newDev(t, l, 7, words(0, 50, 100), Options{})
				whole := strings.Repeat("x", silent/50) + "-" + strings.Repeat("x", 2-silent/50)
				served, timeouts := 0, 0
				for range 200 {
					start := time.Now()
					cells, err := read(t, d)
					if !errors.Is(err, ErrTimeout) || errors.Is(err, drivers.ErrBus) {
						t.Fatalf("error %v, want ErrTimeout", err)
					}
					if time.Since(start) > 100*time.Millisecond {
						timeouts++
					}
					if cells == whole {
						served++
					}
					time.Sleep(time.Until(start.Add(time.Second)))
				}
				if served < 185 || timeouts > 15 {
					t.Errorf("%d of 200 cycles had the other ranges, %d timeouts; want nearly all and few", served, timeouts)
				}
			})
		})
	}
}

// In the year-long view a flapping unit never gets stuck.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b breaker
		cause := errors.New("cause")
		var pauses []time.Duration
		for range 40 {
			now := time.Now()
			b.fail(now, now, cause, time.Second, 30*time.Second)
			if wait := time.Until(b.next); wait > 0 {
				pauses = append(pauses, wait)
				if b.ready(now) || b.ready(now.Add(wait-1)) || !b.ready(now.Add(wait)) {
					t.Fatalf("not ready exactly after %v", wait)
				}
				time.Sleep(wait)
			}
		}
		if got, want := fmt.Sprint(pauses[:8]), "[1s 2s 4s 8s 16s 30s 30s 30s]"; got != want || pauses[38] != 30*time.Second {
			t.Errorf("pauses %s, want %s", got, want)
		}
		if err := b.refusal(time.Now(), b.next); !errors.Is(err, cause) {
			t.Errorf("refusal %v does not wrap its cause", err)
		}
		b.ok()
		if !b.ready(time.Now()) || b.fails != 0 {
			t.Error("not closed by success")
		}
	})
}

// faulty is a connection that fails writes on demand.
type faulty struct {
	net.Conn
	f *faults
}

type faults struct {
	writes atomic.Int64
	all    error // every write
	skip   int   // writes to let pass before one fails
	one    error
}

func (c faulty) Write(b []byte) (int, error) {
	c.f.writes.Add(1)
	if c.f.all != nil {
		return 0, c.f.all
	}
	if err := c.f.one; err != nil {
		if c.f.skip == 0 {
			c.f.one = nil
			return 0, err
		}
		c.f.skip--
	}
	return c.Conn.Write(b)
}

// perRequest is the number of allocations of one request without a cancellable
// context: what goburrow's client makes. doc.go states it. The simulated server
// makes more in the same process.
const (
	perRequest   = 4
	perSimulated = 4
)

func suiteRegisters() []Register {
	return []Register{reg(Input, 0, U16), reg(Holding, 4, F32), reg(Coil, 3, Bit), reg(Discrete, 9, Bit), reg(Input, 90, I16)}
}

func TestDev_conformance(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
		s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
		var f faults
		dial := Dial(s.Addr())
		l := NewLine(func(ctx context.Context) (io.ReadWriteCloser, error) {
			c, err := dial(ctx)
			if err != nil {
				return nil, err
			}
			return faulty{c.(net.Conn), &f}, nil
		}, LineOptions{Timeout: unhurried})
		t.Cleanup(func() { l.Close() })
		return driverstest.Fixture{
			Sensor:     newDev(t, l, 7, suiteRegisters(), Options{}),
			Fail:       func(err error) { f.all = err },
			FailAfter:  func(skip int, err error) { f.skip, f.one = skip, err },
			Traffic:    f.writes.Load,
			LineClosed: func() bool { return l.closed },
		}
	}, driverstest.Options{Allocs: 5 * (perRequest + perSimulated)})
}

// The same with a unit that falls silent: the line lives, the breaker acts.
func TestDev_conformanceSilent(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
		s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
		l := newLine(t, s, LineOptions{Timeout: time.Second})
		const pause = time.Millisecond
		return driverstest.Fixture{
			Sensor: newDev(t, l, 7, suiteRegisters(), Options{Pause: pause, MaxPause: pause}),
			Fail: func(err error) {
				s.SetSilent(7, err != nil)
				time.Sleep(2 * pause)
			},
			Traffic:    func() int64 { return l.Stats().Requests },
			LineClosed: func() bool { return l.closed },
		}
	}, driverstest.Options{Allocs: 5 * (perRequest + perSimulated), Opaque: true})
}

// canned answers reads of input registers from memory, without allocating.
type canned struct{ answer [maxADU]byte }

func (c *canned) Write(req []byte) (int, error) {
	n := int(req[11])
	copy(c.answer[:], req[:2])
	c.answer[5], c.answer[6], c.answer[7], c.answer[8] = byte(3+2*n), req[6], 4, byte(2*n)
	return len(req), nil
}

func (c *canned) Read(b []byte) (int, error)  { return copy(b, c.answer[:6+c.answer[5]]), nil }
func (c *canned) SetDeadline(time.Time) error { return nil }
func (c *canned) Close() error                { return nil }

func newCanned(t testing.TB) *Dev {
	l := NewLine(func(context.Context) (io.ReadWriteCloser, error) { return new(canned), nil }, LineOptions{})
	t.Cleanup(func() { l.Close() })
	return newDev(t, l, 7, words(0, 1, 2, 3, 4, 5, 6, 7), Options{})
}

// The line and the decoding add nothing to goburrow's allocations; a context
// that can be cancelled costs its watch.
func TestDev_allocations(t *testing.T) {
	d := newCanned(t)
	dst := make([]float64, 8)
	cancellable, cancel := context.WithCancel(context.Background())
	defer cancel()
	for name, tt := range map[string]struct {
		ctx  context.Context
		want float64
	}{"plain": {context.Background(), perRequest}, "cancellable": {cancellable, perRequest + 3}} {
		var failed error
		got := driverstest.Allocs(tt.want, 100, func() {
			if err := d.Read(tt.ctx, dst); err != nil {
				failed = err
			}
		})
		if failed != nil {
			t.Fatal(failed)
		}
		if got > tt.want {
			t.Errorf("%s: %v allocations a request, want at most %v", name, got, tt.want)
		}
		t.Logf("%s: %v allocations a request", name, got)
	}
}

func BenchmarkDev_Read(b *testing.B) {
	d := newCanned(b)
	dst := make([]float64, 8)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Read(ctx, dst); err != nil {
			b.Fatal(err)
		}
	}
}
