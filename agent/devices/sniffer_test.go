package devices

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/modbus"
)

// overheardLine is a serial line between a master and devices, both python3-pymodbus,
// and a place to listen. Bytes pass at the line's rate, with disturbances.
type overheardLine struct {
	*rand.Rand
	char          time.Duration
	trouble       int // in 1,000 exchanges
	master, slave chan []byte
	toMaster      *os.File
	toSlave       *os.File
	wire          *os.File

	mu    sync.Mutex
	valid []time.Time // of reads whose request and answer passed undamaged
	slow  []time.Time // of answers that were late or missing because a program got no CPU
}

// undisturbed counts the valid reads that a lack of CPU time cannot have spoiled: of
// this process, which hands bytes over, or of the slave. After such a hole the
// listener distrusts the traffic for 2 s.
func (l *overheardLine) undisturbed(stalls *driverstest.Stalls) (n int) {
	const doubts, hole = 2500 * time.Millisecond, 60 * time.Millisecond
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.valid {
		if !slices.ContainsFunc(l.slow, func(s time.Time) bool { return s.Before(t) && t.Sub(s) < doubts }) && stalls.Longer(hole, t.Add(-doubts), t) == 0 {
			n++
		}
	}
	return n
}

// late notes a slow answer of the slave. There is no unit 3.
func (l *overheardLine) late(req []byte, took time.Duration) {
	if took > 100*time.Millisecond && req[0] != 3 {
		l.mu.Lock()
		l.slow = append(l.slow, time.Now())
		l.mu.Unlock()
	}
}

// rawPair is a pseudo terminal that passes bytes unchanged. A program opens path.
func rawPair(t *testing.T) (f *os.File, path string) {
	t.Helper()
	f, tty, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo terminal: ", err)
	}
	mode := &unix.Termios{Cflag: unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B9600, Ispeed: unix.B9600, Ospeed: unix.B9600}
	mode.Cc[unix.VMIN] = 1
	if err := unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, mode); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(); tty.Close() }) // tty stays open, or the line would hang up
	return f, tty.Name()
}

// rtuPeer runs a program of testdata until the test ends.
func rtuPeer(t *testing.T, script, port string, baud int) {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", filepath.Join("testdata", script), port, fmt.Sprint(baud))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); cmd.Wait() })
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, &stderr)
	}
}

// frames collects the frames that a program sends: bytes until a pause.
func frames(f *os.File) chan []byte {
	bytesOf := make(chan []byte, 64)
	go func() {
		defer close(bytesOf)
		for {
			b := make([]byte, 512)
			n, err := f.Read(b)
			if err != nil {
				return
			}
			bytesOf <- b[:n]
		}
	}()
	out := make(chan []byte, 64)
	go func() {
		defer close(out)
		for b := range bytesOf {
			for more := true; more; {
				select {
				case c, ok := <-bytesOf:
					b, more = append(b, c...), ok
				case <-time.After(4 * time.Millisecond):
					more = false
				}
			}
			out <- b
		}
	}()
	return out
}

// pass sends heard to the listener at the line's rate, as an adapter hands bytes
// over: up to 16 ms at once. Then it sends sent to a program, unless to is nil.
func (l *overheardLine) pass(heard, sent []byte, to io.Writer) {
	start, done := time.Now(), 0
	for done < len(heard) {
		n := min(len(heard)-done, 1+l.IntN(1+int(16*time.Millisecond/l.char)))
		done += n
		time.Sleep(time.Until(start.Add(time.Duration(done) * l.char)))
		l.wire.Write(heard[done-n : done])
	}
	if to != nil {
		to.Write(sent)
	}
}

func (l *overheardLine) hurt(b []byte) []byte {
	b = bytes.Clone(b)
	at := l.IntN(len(b))
	b[at] ^= byte(1 + l.IntN(255))
	if at+1 < len(b) {
		b[at+1] ^= byte(l.IntN(256))
	}
	return b
}

func (l *overheardLine) noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(l.Uint32())
	}
	return b
}

// run passes on one exchange after the other until ctx is done.
func (l *overheardLine) run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case req, ok := <-l.master:
			if !ok {
				return
			}
			l.exchange(req)
		}
	}
}

func (l *overheardLine) exchange(req []byte) {
	what := -1
	if l.IntN(1000) < l.trouble {
		what = l.IntN(8)
	}
	switch what {
	case 0: // noise between exchanges
		l.pass(l.noise(1+l.IntN(40)), nil, nil)
	case 1: // a vendor's own function
		l.pass(appendSum(append([]byte{1, 0x41 + byte(l.IntN(20))}, l.noise(l.IntN(30))...)), nil, nil)
	case 2: // the request is damaged for everybody: no answer
		l.pass(l.hurt(req), nil, nil)
		return
	}
	heard := req
	if what == 3 { // damaged for the listener only
		heard = l.hurt(req)
	}
	for len(l.slave) > 0 {
		<-l.slave
	}
	l.pass(heard, req, l.toSlave)
	var ans []byte
	asked := time.Now()
	select {
	case ans = <-l.slave:
		l.late(req, time.Since(asked))
	case <-time.After(600 * time.Millisecond): // there is no such unit
		l.late(req, time.Since(asked))
		return
	}
	switch what {
	case 4: // late: the master has given up and asks for the next
		if next, ok := <-l.master; ok {
			l.pass(next, nil, nil)
			l.pass(ans, ans, l.toMaster)
		}
		return
	case 5: // a collision: two talk at once
		both := l.noise(len(ans))
		l.pass(both, both, l.toMaster)
		return
	case 6: // noise between the two
		l.pass(l.noise(1+l.IntN(5)), nil, nil)
	case 7: // damaged for the listener only
		l.pass(l.hurt(ans), ans, l.toMaster)
		return
	}
	l.pass(ans, ans, l.toMaster)
	if what != 3 && what != 6 && req[1] <= 4 && ans[1] == req[1] {
		l.mu.Lock()
		l.valid = append(l.valid, time.Now())
		l.mu.Unlock()
	}
}

// appendSum ends a frame with its checksum, computed bit by bit as in MODBUS over
// Serial Line V1.02 §6.2.2.
func appendSum(b []byte) []byte {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			odd := crc&1 != 0
			if crc >>= 1; odd {
				crc ^= 0xA001
			}
		}
	}
	return append(b, byte(crc), byte(crc>>8))
}

// registersHeard are the numbers that testdata/rtu_slave.py packs: the high
// half is the place, the low half counts requests.
func registersHeard() (regs []modbus.Register, place []uint32) {
	add := func(t modbus.Table, at int, code uint32) {
		regs = append(regs, modbus.Register{Name: fmt.Sprintf("%v%d", t, at), Table: t, Address: uint16(at), Type: modbus.U32, Scale: 1})
		place = append(place, code^uint32(at))
	}
	for i := range 5 {
		add(modbus.Holding, 2*i, 3<<12)
		add(modbus.Holding, 100+2*i, 3<<12)
	}
	add(modbus.Input, 20, 0)
	add(modbus.Input, 202, 0)
	for i := range 20 {
		regs = append(regs, modbus.Register{Name: fmt.Sprint("coil", i), Table: modbus.Coil, Address: uint16(768 + i), Type: modbus.Bit, Scale: 1})
	}
	return regs, place
}

// The traffic of an independent implementation, pymodbus, is overheard through noise,
// collisions and unknown functions. No value may be wrong, and at least 99 % of what
// can be understood must be.
func TestListening_pymodbus(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Python programs")
	}
	cases, length := []struct{ baud, trouble int }{{9600, 20}, {115200, 20}}, 4*time.Second
	if os.Getenv("EDGE_LONG") != "" {
		cases = append(cases, []struct{ baud, trouble int }{{9600, 0}, {19200, 20}, {38400, 20}, {19200, 40}, {115200, 40}, {115200, 300}}...)
		length = 90 * time.Second
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%d baud, %d in 1000 disturbed", c.baud, c.trouble), func(t *testing.T) {
			t.Parallel()
			overhearPymodbus(t, c.baud, c.trouble, length)
		})
	}
}

func overhearPymodbus(t *testing.T, baud, trouble int, length time.Duration) {
	toMaster, masterPort := rawPair(t)
	toSlave, slavePort := rawPair(t)
	wire, sniffPort := rawPair(t)
	l := &overheardLine{Rand: rand.New(rand.NewPCG(uint64(baud), uint64(trouble))), char: 11 * time.Second / time.Duration(baud), trouble: trouble,
		toMaster: toMaster, toSlave: toSlave, wire: wire}
	e := newSniffer(config.Bus{Name: "line", Timeout: 500 * time.Millisecond,
		Modbus: &config.ModbusURL{Scheme: "rtu", Addr: sniffPort, Listen: true, Serial: &config.Serial{Baud: baud, Parity: "even", Stop: 1}}})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	e.start(ctx)
	defer e.Close()
	for end := time.Now().Add(2 * time.Minute); e.Stats().Opens != 1; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) { // a busy machine needs a while
			t.Fatal("the port was not opened")
		}
	}

	l.master, l.slave = frames(toMaster), frames(toSlave)
	rtuPeer(t, "rtu_slave.py", slavePort, baud)
	rtuPeer(t, "rtu_master.py", masterPort, baud)
	running, stop := context.WithTimeout(ctx, length)
	defer stop()
	stalls := driverstest.WatchStalls(t)
	var wg sync.WaitGroup
	wg.Go(func() { l.run(running) })
	values := checkHeard(t, e, running)
	wg.Wait()
	time.Sleep(300 * time.Millisecond) // the last bytes
	s := e.Stats()
	valid := l.undisturbed(stalls)
	share := float64(s.Exchanges) / float64(len(l.valid))
	t.Logf("%d values, %d of %d exchanges (%.2f %%), %d in peace, %.1f %% of bytes: %+v", values, s.Exchanges, len(l.valid), 100*share, valid, 100*s.Share(), s)
	least := 0.99
	switch { // a late answer makes the listener distrust the traffic for 2 s
	case trouble > 100:
		least = 0.9
	case trouble > 20:
		least = 0.98
	}
	slack := 0.0
	if len(l.valid) < 200 { // a late answer or two are more than 1 % of a short run
		slack = 2
	}
	if float64(s.Exchanges) < least*float64(valid)-slack || len(l.valid) < 20 {
		t.Errorf("understood %d of %d", s.Exchanges, valid)
	}
	fds := []unix.PollFd{{Fd: int32(wire.Fd()), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 0); n != 0 || err != nil {
		t.Errorf("the listener sent bytes: %d %v", n, err)
	}
}

// checkHeard reads every sensor until ctx is done and returns the number of values.
// Each value must name its own register, and a later request than the value before.
func checkHeard(t *testing.T, e *sniffer, ctx context.Context) (values int) {
	regs, place := registersHeard()
	var sensors []*modbus.Overheard
	newest := map[string]uint32{}
	for _, unit := range []uint8{1, 2} {
		s, err := modbus.NewOverheard(e.Listener, unit, regs, 0)
		if err != nil {
			t.Fatal(err)
		}
		sensors = append(sensors, s)
	}
	dst := make([]float64, len(regs))
	for ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
		for u, s := range sensors {
			s.Read(context.Background(), dst) // what is missing is NaN
			for i, v := range dst {
				if math.IsNaN(v) {
					continue
				}
				values++
				if i >= len(place) {
					if want := (768+i-len(place))%3 == 0; (v == 1) != want {
						t.Errorf("unit %d %s is %v", u+1, regs[i].Name, v)
					}
					continue
				}
				key, n := fmt.Sprint(u, i), uint32(v)&0xFFFF
				if want := place[i] ^ uint32(u+1)<<14; uint32(v)>>16 != want&0xFFFF {
					t.Errorf("unit %d %s is %#x, whose place is %#x", u+1, regs[i].Name, uint32(v), want)
				}
				if n <= newest[key] {
					t.Errorf("unit %d %s: request %d after %d", u+1, regs[i].Name, n, newest[key])
				}
				newest[key] = n
			}
		}
	}
	return values
}
