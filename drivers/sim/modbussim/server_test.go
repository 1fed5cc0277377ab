package modbussim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listenTest(t *testing.T, units map[uint8]*Bank) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", units)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func request(tid uint16, unit, fc byte, at, n uint16) []byte {
	b := binary.BigEndian.AppendUint16(nil, tid)
	b = append(b, 0, 0, 0, 6, unit, fc)
	b = binary.BigEndian.AppendUint16(b, at)
	return binary.BigEndian.AppendUint16(b, n)
}

// expect sends req and compares the next bytes.
func expect(t *testing.T, c net.Conn, req, want []byte) {
	t.Helper()
	if _, err := c.Write(req); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(time.Minute))
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("read % x: %v", got[:n], err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("answer % x, want % x", got, want)
	}
}

// The examples of V1.1b3 §6.1-6.4, in TCP frames.
func TestServer_specificationExamples(t *testing.T) {
	var b Bank
	for i, on := range []int{1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1} { // CD 6B 05
		b.SetCoil(0x13+i, on == 1)
	}
	for i, on := range []int{0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 0, 1, 1} { // AC DB 35
		b.SetDiscrete(0xc4+i, on == 1)
	}
	b.SetHolding(0x6b, 0x022b, 0x0000, 0x0064)
	b.SetInput(8, 0x000a)
	s := listenTest(t, map[uint8]*Bank{7: &b})
	c := dial(t, s)
	expect(t, c, request(1, 7, 1, 0x13, 0x13), []byte{0, 1, 0, 0, 0, 6, 7, 1, 3, 0xcd, 0x6b, 0x05})
	expect(t, c, request(2, 7, 2, 0xc4, 0x16), []byte{0, 2, 0, 0, 0, 6, 7, 2, 3, 0xac, 0xdb, 0x35})
	expect(t, c, request(3, 7, 3, 0x6b, 3), []byte{0, 3, 0, 0, 0, 9, 7, 3, 6, 2, 0x2b, 0, 0, 0, 0x64})
	expect(t, c, request(4, 7, 4, 8, 1), []byte{0, 4, 0, 0, 0, 5, 7, 4, 2, 0, 10})
	for fc := range uint8(5) {
		want := 1
		if fc == 0 {
			want = 0
		}
		if got := s.Requests()[fc]; got != want {
			t.Errorf("function %d counted %d times, want %d", fc, got, want)
		}
	}
}

func TestServer_exceptions(t *testing.T) {
	var b Bank
	b.SetInputFloat32(10, 1.5)
	b.SetMaxRegisters(60)
	s := listenTest(t, map[uint8]*Bank{7: &b})
	c := dial(t, s)
	expect(t, c, request(1, 7, 4, 10, 2), []byte{0, 1, 0, 0, 0, 7, 7, 4, 4, 0x3f, 0xc0, 0, 0})
	expect(t, c, request(1, 7, 4, 10, 3), []byte{0, 1, 0, 0, 0, 3, 7, 0x84, 2})
	expect(t, c, request(1, 7, 4, 0xffff, 2), []byte{0, 1, 0, 0, 0, 3, 7, 0x84, 2})
	expect(t, c, request(1, 7, 4, 10, 0), []byte{0, 1, 0, 0, 0, 3, 7, 0x84, 3})
	expect(t, c, request(1, 7, 4, 10, 61), []byte{0, 1, 0, 0, 0, 3, 7, 0x84, 3})
	expect(t, c, request(1, 7, 6, 10, 61), []byte{0, 1, 0, 0, 0, 3, 7, 0x86, 1})
	expect(t, c, request(1, 8, 4, 10, 2), []byte{0, 1, 0, 0, 0, 3, 8, 0x84, 11})
}

// silent asserts that nothing comes back once the server has got the request.
func silent(t *testing.T, s *Server, c net.Conn, req []byte) {
	t.Helper()
	before := s.RequestsTo(req[6])
	if _, err := c.Write(req); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); s.RequestsTo(req[6]) == before && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	var b [1]byte
	if _, err := c.Read(b[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read %x, error %v; want silence", b, err)
	}
}

func TestServer_silence(t *testing.T) {
	var b Bank
	b.SetHolding(0, 1)
	s := listenTest(t, map[uint8]*Bank{7: &b})
	c := dial(t, s)
	s.SetSilent(7, true)
	silent(t, s, c, request(1, 7, 3, 0, 1))
	s.SetSilent(7, false)
	expect(t, c, request(2, 7, 3, 0, 1), []byte{0, 2, 0, 0, 0, 5, 7, 3, 2, 0, 1})
	s.SetSilentUnknown(true)
	silent(t, s, c, request(3, 8, 3, 0, 1))
	if got := s.RequestsTo(8); got != 1 {
		t.Errorf("%d requests to unit 8, want 1", got)
	}
}

func TestServer_lies(t *testing.T) {
	req := request(5, 7, 3, 0, 2)
	truth := []byte{0, 5, 0, 0, 0, 7, 7, 3, 4, 0, 1, 0, 2}
	tests := []struct {
		name string
		f    Fault
		want []byte
	}{
		{"honest", Fault{}, truth},
		{"transaction", Fault{Lie: WrongTransaction}, []byte{0, 6, 0, 0, 0, 7, 7, 3, 4, 0, 1, 0, 2}},
		{"protocol", Fault{Lie: WrongProtocol}, []byte{0, 5, 0x55, 0, 0, 7, 7, 3, 4, 0, 1, 0, 2}},
		{"unit", Fault{Lie: WrongUnit}, []byte{0, 5, 0, 0, 0, 7, 8, 3, 4, 0, 1, 0, 2}},
		{"function", Fault{Lie: WrongFunction}, []byte{0, 5, 0, 0, 0, 7, 7, 4, 4, 0, 1, 0, 2}},
		{"foreign exception", Fault{Lie: ForeignException}, []byte{0, 5, 0, 0, 0, 3, 7, 0x84, 4}},
		{"long", Fault{Lie: LengthLong}, []byte{0, 5, 0, 0, 0, 14, 7, 3, 4, 0, 1, 0, 2}},
		{"short", Fault{Lie: LengthShort}, []byte{0, 5, 0, 0, 0, 6, 7, 3, 4, 0, 1, 0, 2}},
		{"zero", Fault{Lie: LengthZero}, []byte{0, 5, 0, 0, 0, 0, 7, 3, 4, 0, 1, 0, 2}},
		{"count", Fault{Lie: WrongCount}, []byte{0, 5, 0, 0, 0, 7, 7, 3, 6, 0, 1, 0, 2}},
		{"truncated", Fault{Lie: Truncated}, []byte{0, 5, 0, 0, 0, 5, 7, 3, 2, 0, 1}},
		{"middle", Fault{Lie: CloseMidFrame}, []byte{0, 5, 0, 0, 0, 7}},
		{"drip", Fault{Lie: Drip, Delay: time.Millisecond}, truth},
		{"late", Fault{Lie: Late, Delay: time.Millisecond}, truth},
		{"exception", Fault{Lie: Exception, Code: 6}, []byte{0, 5, 0, 0, 0, 3, 7, 0x83, 6}},
		{"other unit", Fault{Lie: Exception, Unit: 9}, truth},
	}
	var b Bank
	b.SetHolding(0, 1, 2)
	s := listenTest(t, map[uint8]*Bank{7: &b})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s.SetFault(tt.f)
			expect(t, dial(t, s), req, tt.want)
		})
	}
}

// An answer that is late must not hold up the next one, and Every is exact.
func TestServer_lateOvertaken(t *testing.T) {
	var b Bank
	b.SetHolding(0, 1)
	s := listenTest(t, map[uint8]*Bank{7: &b})
	s.SetFault(Fault{Lie: Late, Every: 2, Delay: 100 * time.Millisecond})
	c := dial(t, s)
	answer := func(tid byte) []byte { return []byte{0, tid, 0, 0, 0, 5, 7, 3, 2, 0, 1} }
	expect(t, c, request(1, 7, 3, 0, 1), answer(1))
	two := append(request(2, 7, 3, 0, 1), request(3, 7, 3, 0, 1)...)
	expect(t, c, two, append(answer(3), answer(2)...))
	if got := s.Lies(); got != 1 {
		t.Errorf("%d lies, want 1", got)
	}
}

func TestServer_stale(t *testing.T) {
	var b Bank
	b.SetHolding(0, 1, 2)
	s := listenTest(t, map[uint8]*Bank{7: &b})
	s.SetFault(Fault{Lie: Stale})
	c := dial(t, s)
	one := []byte{0, 1, 0, 0, 0, 5, 7, 3, 2, 0, 1}
	expect(t, c, request(1, 7, 3, 0, 1), one)
	expect(t, c, request(2, 7, 3, 1, 1), append(one, 0, 2, 0, 0, 0, 5, 7, 3, 2, 0, 2))
}

// An observer learns what becomes of each request, and is not told that a lie is the
// answer.
func TestWatch(t *testing.T) {
	var b Bank
	b.SetHolding(0, 1, 2)
	s := listenTest(t, map[uint8]*Bank{7: &b})
	var seen []Event
	s.Watch(func(e Event) { seen = append(seen, e) })
	for _, tt := range []struct {
		f    Fault
		want []byte
		kind EventKind
	}{
		{Fault{}, []byte{0, 1, 0, 0, 0, 5, 7, 3, 2, 0, 2}, Answered},
		{Fault{Lie: Late, Delay: time.Millisecond}, []byte{0, 1, 0, 0, 0, 5, 7, 3, 2, 0, 2}, Answered},
		{Fault{Lie: Exception, Code: 6}, []byte{0, 1, 0, 0, 0, 3, 7, 0x83, 6}, Refused},
		{Fault{Lie: WrongTransaction}, []byte{0, 2, 0, 0, 0, 5, 7, 3, 2, 0, 2}, Asked},
		{Fault{Lie: WrongCount}, []byte{0, 1, 0, 0, 0, 5, 7, 3, 4, 0, 2}, Asked},
	} {
		s.SetFault(tt.f)
		seen = nil
		expect(t, dial(t, s), request(1, 7, 3, 1, 1), tt.want)
		last := seen[len(seen)-1]
		if seen[0].Kind != Asked || seen[0].First != 1 || last.Kind != tt.kind || last.Number != seen[0].Number || (tt.kind == Answered) != bytes.Equal(last.Data, []byte{0, 2}) {
			t.Errorf("%+v: %+v", tt.f, seen)
		}
	}
}
