package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counted is a bank whose input and holding registers 0-999 hold their own
// address plus 1000: a value that belongs to another request shows.
func counted() *modbussim.Bank {
	var b modbussim.Bank
	for a := range 1000 {
		b.SetInput(a, uint16(1000+a))
		b.SetHolding(a, uint16(1000+a))
		b.SetCoil(a, a%3 == 0)
		b.SetDiscrete(a, a%5 == 0)
	}
	return &b
}

func serve(t testing.TB, units map[uint8]*modbussim.Bank) *modbussim.Server {
	t.Helper()
	return serveAt(t, "127.0.0.1:0", units)
}

func serveAt(t testing.TB, addr string, units map[uint8]*modbussim.Bank) *modbussim.Server {
	t.Helper()
	s, err := modbussim.Listen(addr, units)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// unhurried is the timeout of lines that are answered: a busy machine does not make
// an answer late.
const unhurried = 30 * time.Second

func newLine(t testing.TB, s *modbussim.Server, o LineOptions) *Line {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = unhurried
	}
	l := begun(NewLine(Dial(s.Addr()), o))
	t.Cleanup(func() { l.Close() })
	return l
}

// begun returns the line as after its first request, for tests of what comes later.
func begun(l *Line) *Line {
	if l.sequence != nil {
		l.sequence.begins()
	}
	return l
}

// readWords reads n input registers from at and checks each value.
func readWords(l *Line, unit uint8, at, n uint16) error {
	b, err := l.Read(context.Background(), unit, Input, at, n)
	if err != nil {
		return err
	}
	for i := range n {
		if got := binary.BigEndian.Uint16(b[2*i:]); got != 1000+at+i {
			return fmt.Errorf("WRONG VALUE: input %d is %d, want %d", at+i, got, 1000+at+i)
		}
	}
	return nil
}

// mustNotBeWrong fails the test for a wrong value; other errors are the lie's.
func mustNotBeWrong(t *testing.T, err error) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), "WRONG VALUE") {
		t.Fatal(err)
	}
}

func TestLine_tables(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
	l := newLine(t, s, LineOptions{})
	tests := []struct {
		table Table
		at, n uint16
		want  []byte
	}{
		{Input, 0, 2, []byte{0x03, 0xe8, 0x03, 0xe9}},
		{Holding, 1, 1, []byte{0x03, 0xe9}},
		{Coil, 0, 9, []byte{0b01001001, 0}},
		{Discrete, 0, 11, []byte{0b00100001, 0b100}},
	}
	for _, tt := range tests {
		if got, err := l.Read(context.Background(), 7, tt.table, tt.at, tt.n); err != nil || string(got) != string(tt.want) {
			t.Errorf("%v %d: % x, %v; want % x", tt.table, tt.at, got, err, tt.want)
		}
	}
	for _, tt := range []struct {
		table Table
		n     uint16
	}{{Input, 125}, {Holding, 125}, {Coil, 900}, {Discrete, 900}} {
		if _, err := l.Read(context.Background(), 7, tt.table, 0, tt.n); err != nil {
			t.Errorf("%v, %d at once: %v", tt.table, tt.n, err)
		}
	}
}

func TestLine_exception(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
	l := newLine(t, s, LineOptions{})
	err := readWords(l, 7, 999, 2)
	var e *ExceptionError
	if !errors.As(err, &e) || *e != (ExceptionError{4, 2}) {
		t.Fatalf("error %v, want exception 2 to function 4", err)
	}
	if want := "unit 7: input 999: exception 2 (illegal data address) to function 4"; err.Error() != want {
		t.Errorf("text %q, want %q", err, want)
	}
	if errors.Is(err, drivers.ErrBus) || errors.Is(err, ErrTimeout) {
		t.Errorf("an exception is neither the line's fault nor silence: %v", err)
	}
	if err := readWords(l, 7, 1, 2); err != nil {
		t.Error(err)
	}
	if st := l.Stats(); st.Exceptions != 1 || st.Connects != 1 || st.Requests != 2 {
		t.Errorf("stats %+v: an exception must keep the connection", st)
	}
}

// Every function of goburrow's that writes is refused before the wire; so is
// everything that its client could be made to send.
func TestLine_readsOnly(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
	l := newLine(t, s, LineOptions{})
	if err := readWords(l, 7, 0, 1); err != nil {
		t.Fatal(err)
	}
	c := newClient(l, 7, RequestLimits{})
	c.ctx = context.Background()
	writes := map[string]func() ([]byte, error){
		"coil":       func() ([]byte, error) { return c.pdu.WriteSingleCoil(0, 0xff00) },
		"register":   func() ([]byte, error) { return c.pdu.WriteSingleRegister(0, 1) },
		"coils":      func() ([]byte, error) { return c.pdu.WriteMultipleCoils(0, 1, []byte{1}) },
		"registers":  func() ([]byte, error) { return c.pdu.WriteMultipleRegisters(0, 1, []byte{0, 1}) },
		"mask":       func() ([]byte, error) { return c.pdu.MaskWriteRegister(0, 1, 1) },
		"read-write": func() ([]byte, error) { return c.pdu.ReadWriteMultipleRegisters(0, 1, 0, 1, []byte{0, 1}) },
		"fifo":       func() ([]byte, error) { return c.pdu.ReadFIFOQueue(0) },
	}
	for name, write := range writes {
		if _, err := write(); !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: error %v, want ErrReadOnly", name, err)
		}
	}
	for fc := range 256 {
		if fc >= 1 && fc <= 4 {
			continue
		}
		req := []byte{0, 1, 0, 0, 0, 6, 7, byte(fc), 0, 0, 0, 1}
		if _, err := c.Send(req); !errors.Is(err, ErrReadOnly) {
			t.Errorf("function %d: error %v, want ErrReadOnly", fc, err)
		}
	}
	for _, req := range [][]byte{nil, {0}, make([]byte, 7), {0, 1, 0, 0, 0, 7, 7, 3, 0, 0, 0, 1, 0}, {0, 1, 0, 0, 0, 6, 7, 3, 0, 0, 0, 126}} {
		if _, err := c.Send(req); !errors.Is(err, ErrReadOnly) {
			t.Errorf("request % x: error %v, want ErrReadOnly", req, err)
		}
	}
	if err := readWords(l, 7, 0, 1); err != nil {
		t.Error(err)
	}
	if got := s.Requests(); len(got) != 1 || got[4] != 2 {
		t.Errorf("on the wire by function: %v, want only 2 of function 4", got)
	}
}

// One late answer used to put goburrow a step behind for ever; here 10 % are
// late by half a timeout over.
func TestLine_lateAnswers(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
	const timeout = 20 * time.Millisecond
	l := newLine(t, s, LineOptions{Timeout: timeout, Pause: time.Millisecond, MaxPause: time.Millisecond})
	s.SetFault(modbussim.Fault{Lie: modbussim.Late, Share: 0.1, Delay: timeout * 3 / 2, Seed: 1})
	stalls, late, ours := driverstest.WatchStalls(t), 0, 0
	for i := range 1000 {
		start := time.Now()
		err := readWords(l, 7, uint16(i*7%900), uint16(1+i%9))
		switch mustNotBeWrong(t, err); {
		case err == nil:
		case stalls.Between(start.Add(-2*timeout), time.Now()) > timeout/4: // a busy machine makes more answers late, and connections
			ours++
		case !errors.Is(err, ErrTimeout):
			t.Fatal(err)
		default:
			late++
		}
	}
	if late < 60-ours || late > 700 || s.Lies() < 60 {
		t.Errorf("%d of 1000 requests timed out, want about 100", late)
	}
	t.Logf("1000 requests, %d late, %d by this machine's doing, 0 mismatched values", late, ours)
}

// An old answer that turns up on the same connection is dropped and the wait
// goes on.
func TestLine_staleAnswersDropped(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted(), 8: counted()})
	l := newLine(t, s, LineOptions{})
	s.SetFault(modbussim.Fault{Lie: modbussim.Stale})
	const n = 200
	for i := range n {
		if err := readWords(l, uint8(7+i%2), uint16(i), 3); err != nil {
			t.Fatal(err)
		}
	}
	if st := l.Stats(); st.Resyncs != n-1 || st.Connects != 1 {
		t.Errorf("stats %+v, want %d resyncs on one connection", st, n-1)
	}
}

// Each malformed answer is an error, found long before a timeout, and the next
// request is right.
func TestLine_eachLie(t *testing.T) {
	tests := []struct {
		lie  modbussim.Lie
		want error
	}{
		{modbussim.WrongTransaction, ErrFrame},
		{modbussim.WrongProtocol, ErrFrame},
		{modbussim.WrongUnit, ErrFrame},
		{modbussim.WrongFunction, ErrFrame},
		{modbussim.ForeignException, ErrFrame},
		{modbussim.LengthLong, ErrFrame},
		{modbussim.LengthShort, ErrFrame},
		{modbussim.LengthZero, ErrFrame},
		{modbussim.WrongCount, ErrFrame},
		{modbussim.Truncated, ErrFrame},
		{modbussim.CloseMidFrame, drivers.ErrBus},
		{modbussim.CloseAtRequest, drivers.ErrBus},
		{modbussim.Mute, ErrTimeout},
	}
	s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
	stalls := driverstest.WatchStalls(t)
	waiting, brisk := newLine(t, s, LineOptions{}), newLine(t, s, LineOptions{Timeout: time.Second})
	for _, tt := range tests {
		l := waiting
		if tt.want == ErrTimeout {
			l = brisk
		}
		s.SetFault(modbussim.Fault{Lie: tt.lie})
		start := time.Now()
		if err := readWords(l, 7, 10, 4); !errors.Is(err, tt.want) {
			t.Errorf("lie %d: error %v, want %v", tt.lie, err, tt.want)
		}
		if d := stalls.Own(start); tt.want != ErrTimeout && d > atOnce {
			t.Errorf("lie %d: found after %v, want at once", tt.lie, d)
		}
		s.SetFault(modbussim.Fault{})
		if err := readWords(l, 7, 20, 4); err != nil {
			t.Errorf("after lie %d: %v", tt.lie, err)
		}
	}
}

// atOnce is what an error may take that is no timeout.
const atOnce = 375 * time.Millisecond

func TestLine_malformedFrames(t *testing.T) {
	frames := 10_000
	if testing.Short() {
		frames = 1_000
	}
	s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
	l := newLine(t, s, LineOptions{})
	s.SetFault(modbussim.Fault{Lie: modbussim.Malformed, Share: 0.8, Seed: 2})
	read := 0
	for s.Lies() < frames {
		err := readWords(l, 7, uint16(read%900), uint16(1+read%20))
		mustNotBeWrong(t, err)
		if read++; read%100 != 0 {
			continue
		}
		s.SetFault(modbussim.Fault{})
		first, second := readWords(l, 7, 1, 2), readWords(l, 7, 3, 4)
		if second != nil {
			t.Fatalf("not in step within 2 requests: %v, %v", first, second)
		}
		s.SetFault(modbussim.Fault{Lie: modbussim.Malformed, Share: 0.8, Seed: uint64(read)})
	}
	t.Logf("%d malformed answers in %d requests: %+v", s.Lies(), read, l.Stats())
}

// dripping answers each request with one byte at an interval.
func dripping(interval time.Duration) func(context.Context) (io.ReadWriteCloser, error) {
	return func(context.Context) (io.ReadWriteCloser, error) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			req := make([]byte, 12)
			if _, err := io.ReadFull(far, req); err != nil {
				return
			}
			for _, c := range []byte{req[0], req[1], 0, 0, 0, 11, 7, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0} {
				time.Sleep(interval)
				if _, err := far.Write([]byte{c}); err != nil {
					return
				}
			}
		}()
		return near, nil
	}
}

// One byte each 150 ms must not stretch the deadline.
func TestLine_drip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLine(dripping(150*time.Millisecond), LineOptions{Timeout: time.Second})
		defer l.Close()
		start := time.Now()
		err := readWords(l, 7, 0, 4)
		if want := "unit 7: input 0: no answer: i/o timeout in 1s, only 6 bytes"; err == nil || err.Error() != want {
			t.Errorf("error %v, want %q", err, want)
		}
		if !errors.Is(err, ErrTimeout) || !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, drivers.ErrBus) {
			t.Errorf("error %v, want ErrTimeout and not ErrBus", err)
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("ended after %v, want 1s", d)
		}
		time.Sleep(time.Second) // the dripping ends by itself
	})
}

// The same on TCP, where the whole answer would take 2.55 s.
func TestLine_dripTCP(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
	l := newLine(t, s, LineOptions{Timeout: dripTimeout})
	s.SetFault(modbussim.Fault{Lie: modbussim.Drip, Delay: 150 * time.Millisecond})
	endsInTime(t, l)
}

func TestLine_silence(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted(), 8: counted()})
	l := newLine(t, s, LineOptions{Timeout: time.Second})
	s.SetSilent(7, true)
	err := readWords(l, 7, 0, 1)
	if want := "unit 7: input 0: no answer: i/o timeout in 1s"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	if !errors.Is(err, ErrTimeout) || errors.Is(err, drivers.ErrBus) {
		t.Errorf("a silent unit behind a living connection is not a bus fault: %v", err)
	}
	if err := readWords(l, 8, 0, 1); err != nil {
		t.Errorf("its neighbour: %v", err)
	}
}

// A controller that closes idle connections costs no value.
func TestLine_idleClose(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
	l := newLine(t, s, LineOptions{})
	for range 5 {
		if err := readWords(l, 7, 0, 3); err != nil {
			t.Fatal(err)
		}
		s.DropConnections()
	}
	if st := l.Stats(); st.Connects != 5 || st.Hangups != 4 {
		t.Errorf("stats %+v, want 5 connections, 4 hang-ups", st)
	}
}

func TestLine_serverRestart(t *testing.T) {
	s := serveAt(t, driverstest.FreeAddr(t), map[uint8]*modbussim.Bank{7: counted()})
	l := newLine(t, s, LineOptions{Pause: 200 * time.Millisecond, MaxPause: 200 * time.Millisecond})
	if err := readWords(l, 7, 0, 3); err != nil {
		t.Fatal(err)
	}
	addr := s.Addr()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	stalls, closed := driverstest.WatchStalls(t), time.Now()
	for range 10 {
		err := readWords(l, 7, 0, 3)
		if !errors.Is(err, drivers.ErrBus) || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("error %v, want ErrBus and the refusal", err)
		}
	}
	// One, another, and one each time that its pause has passed.
	st := l.Stats()
	if st.ConnectErrors > 3+int64(stalls.Between(closed, time.Now())/(100*time.Millisecond)) {
		t.Errorf("%d attempts to connect in 10 quick requests, want few", st.ConnectErrors)
	}
	// What failed at once between the attempts was not made: the share of requests
	// that end in an error is 1 on a dead line.
	if st.Requests > 2+st.ConnectErrors {
		t.Errorf("%d requests are counted, of %d attempts to connect", st.Requests, st.ConnectErrors)
	}
	again, err := modbussim.Listen(addr, map[uint8]*modbussim.Bank{7: counted()})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if err = readWords(l, 7, 0, 3); err == nil {
			break
		}
		if stalls.Own(start) > 2*time.Second {
			t.Fatalf("not connected 2s after the restart: %v", err)
		}
	}
}

// A host that never answers: attempts become rare, requests in between cost
// nothing, the first one no more than the timeout.
func TestLine_deadHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		l := NewLine(func(ctx context.Context) (io.ReadWriteCloser, error) {
			dials++
			<-ctx.Done()
			return nil, ctx.Err()
		}, LineOptions{Timeout: 300 * time.Millisecond})
		defer l.Close()
		start := time.Now()
		var waited time.Duration
		for time.Since(start) < time.Hour {
			asked := time.Now()
			err := readWords(l, 7, 0, 1)
			if !errors.Is(err, drivers.ErrBus) || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("error %v, want ErrBus and its cause", err)
			}
			d := time.Since(asked)
			if d > 300*time.Millisecond {
				t.Fatalf("request took %v, want at most the timeout", d)
			}
			waited += d
			time.Sleep(time.Second)
		}
		if dials < 300 || dials > 750 { // 5 to 10 s apart, then at the next second
			t.Errorf("%d attempts in an hour, want one each 5 to 11 s", dials)
		}
		t.Logf("%d attempts in an hour, %v spent waiting", dials, waited)
	})
}

// A connection without SetDeadline is closed at the deadline.
type pipe struct{ io.ReadWriteCloser }

func TestLine_noSetDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		go io.Copy(io.Discard, far)
		l := NewLine(func(context.Context) (io.ReadWriteCloser, error) { return pipe{near}, nil }, LineOptions{Timeout: time.Second})
		defer l.Close()
		start := time.Now()
		if err := readWords(l, 7, 0, 1); !errors.Is(err, ErrTimeout) {
			t.Errorf("error %v, want ErrTimeout", err)
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("ended after %v, want 1s", d)
		}
	})
}

// hungUp reads (0, nil) for ever, as an unplugged serial adapter does.
type hungUp struct{ reads int }

func (h *hungUp) Read([]byte) (int, error)    { h.reads++; return 0, nil }
func (h *hungUp) Write(b []byte) (int, error) { return len(b), nil }
func (h *hungUp) Close() error                { return nil }

// shortWriter takes half of what it is given.
type shortWriter struct{ hungUp }

func (s *shortWriter) Write(b []byte) (int, error) { return len(b) / 2, nil }

func TestLine_brokenConnections(t *testing.T) {
	tests := []struct {
		name string
		conn io.ReadWriteCloser
		want error
	}{
		{"hung up", &hungUp{}, io.EOF},
		{"short write", &shortWriter{}, io.ErrShortWrite},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := NewLine(func(context.Context) (io.ReadWriteCloser, error) { return tt.conn, nil }, LineOptions{})
				defer l.Close()
				start := time.Now()
				if err := readWords(l, 7, 0, 1); !errors.Is(err, drivers.ErrBus) || !errors.Is(err, tt.want) {
					t.Errorf("error %v, want ErrBus and %v", err, tt.want)
				}
				if d := time.Since(start); d > 0 {
					t.Errorf("took %v, want at once", d)
				}
			})
		})
	}
}

func TestLine_context(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
	l := newLine(t, s, LineOptions{})
	s.SetSilent(7, true)
	stalls := driverstest.WatchStalls(t)
	read := func(ctx context.Context) (time.Duration, error) {
		start := time.Now()
		_, err := l.Read(ctx, 7, Input, 0, 1)
		return stalls.Own(start), err
	}
	asked := func(n int) { // or gives up, and the count below tells
		for end := time.Now().Add(unhurried); s.RequestsTo(7) < n && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { asked(1); cancel() }()
	if d, err := read(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, ErrTimeout) || d > time.Second {
		t.Errorf("cancelled: %v after %v", err, d)
	}
	if d, err := read(ctx); !errors.Is(err, context.Canceled) || d > time.Second {
		t.Errorf("cancelled before: %v after %v", err, d)
	}
	ctx, cancel = context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if d, err := read(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrTimeout) || d > 2*time.Second {
		t.Errorf("context's deadline: %v after %v", err, d)
	}
	asked(2)
	s.SetSilent(7, false)
	if err := readWords(l, 7, 0, 1); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	before := s.RequestsTo(7)
	if before != 3 { // the one that was cancelled before it began is not among them
		t.Errorf("%d requests on the wire, want 3", before)
	}
}

// Cancelling one caller must not disturb the others, who wait their turn.
func TestLine_concurrentUse(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted(), 8: counted(), 9: counted()})
	l := newLine(t, s, LineOptions{})
	s.SetFault(modbussim.Fault{Lie: modbussim.Malformed, Share: 0.05, Seed: 3})
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			for i := range 200 {
				if err := readWords(l, uint8(7+g%3), uint16(i), uint16(1+g)); err != nil && strings.Contains(err.Error(), "WRONG") {
					t.Error(err)
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%3)*100*time.Microsecond)
				l.Read(ctx, 7, Holding, 0, 1) // whatever comes of it
				cancel()
				l.Stats()
			}
		})
	}
	wg.Wait()
	s.SetFault(modbussim.Fault{})
	time.Sleep(10 * time.Millisecond)
	if err := readWords(l, 7, 0, 1); err != nil {
		t.Error(err)
	}
}

func TestLine_close(t *testing.T) {
	s := serve(t, map[uint8]*modbussim.Bank{7: counted()})
	l := newLine(t, s, LineOptions{})
	s.SetSilent(7, true)
	time.AfterFunc(50*time.Millisecond, func() { l.Close() })
	stalls, start := driverstest.WatchStalls(t), time.Now()
	for _, when := range []string{"during a request", "before a request"} {
		if err := readWords(l, 7, 0, 1); !errors.Is(err, drivers.ErrBus) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed %s: %v, want ErrBus and net.ErrClosed", when, err)
		}
	}
	if d := stalls.Own(start); d > time.Second {
		t.Errorf("close was noticed after %v", d)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

// Close wins against an open that is under way.
func TestLine_closeWhileOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		l := NewLine(func(context.Context) (io.ReadWriteCloser, error) {
			time.Sleep(100 * time.Millisecond)
			return near, nil
		}, LineOptions{})
		time.AfterFunc(50*time.Millisecond, func() { l.Close() })
		if err := readWords(l, 7, 0, 1); !errors.Is(err, net.ErrClosed) {
			t.Errorf("error %v, want net.ErrClosed", err)
		}
		if _, err := far.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the connection was left open: %v", err)
		}
	})
}

func TestLine_refusesBadPort(t *testing.T) {
	l := NewLine(Dial("127.0.0.1:notaport"), LineOptions{})
	defer l.Close()
	if err := readWords(l, 7, 0, 1); !errors.Is(err, drivers.ErrBus) {
		t.Errorf("error %v, want ErrBus", err)
	}
	if v := l.Stats().ConnectErrors; v != 1 {
		t.Errorf("%v connect errors, want 1", v)
	}
}
