package modbus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/drivers"
)

// startPymodbus runs the server in testdata and returns its address.
func startPymodbus(t *testing.T) string {
	t.Helper()
	return "127.0.0.1:" + startPeer(t, "pymodbus_server.py")
}

// startPeer runs a server in testdata and returns the first line that it
// prints.
func startPeer(t *testing.T, args ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a Python server")
	}
	const python = "/usr/bin/python3" // the distribution's: its packages are the peer
	const want = "import pymodbus, serial_asyncio, ctypes; ctypes.CDLL('libmodbus.so.5')"
	if out, err := exec.Command(python, "-c", want).CombinedOutput(); err != nil {
		t.Fatalf("an independent peer is missing: install python3-pymodbus, python3-serial-asyncio and libmodbus5: %v\n%s", err, out)
	}
	args[0] = "testdata/" + args[0]
	cmd := exec.Command(python, args...)
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
	t.Cleanup(func() {
		stdin.Close() // tells it to end
		timer := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
		defer timer.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the peer ended: %v\n%s", err, &stderr)
		}
	})
	timer := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("starting the peer: %v\n%s", err, &stderr)
	}
	return strings.TrimSpace(line)
}

// Values packed by Python's struct module and served by pymodbus, in both
// register tables, every type and order.
func TestDev_againstPymodbus(t *testing.T) {
	l := NewLine(Dial(startPymodbus(t)), LineOptions{Timeout: unhurried})
	defer l.Close()
	var regs []Register
	var want []float64
	add := func(table Table, at int, typ Type, order Order, v float64) {
		regs = append(regs, Register{Name: fmt.Sprintf("%v%d", table, at), Table: table, Address: uint16(at), Type: typ, Order: order, Scale: 1})
		want = append(want, v)
	}
	for _, table := range []Table{Holding, Input} {
		for i, order := range []Order{ABCD, DCBA, BADC, CDAB} {
			add(table, 2*i, F32, order, -1234.5)
			add(table, 10+2*i, U32, order, 3000000000)
			add(table, 20+2*i, I32, order, -123456789)
		}
		add(table, 30, U16, ABCD, 65000)
		add(table, 31, I16, ABCD, -32000)
		add(table, 32, U16, DCBA, 4660)
		add(table, 33, I16, BADC, -2)
		for i := range 125 {
			add(table, 200+i, U16, CDAB, float64(i*500))
		}
	}
	for at := range 1000 {
		add(Coil, at, Bit, ABCD, map[bool]float64{true: 1}[at%3 == 0])
		add(Discrete, at, Bit, ABCD, map[bool]float64{true: 1}[at%5 == 0])
	}
	d := newDev(t, l, 7, regs, Options{})
	dst := make([]float64, len(regs))
	for range 3 { // the first cycle learns that addresses 8 and 9 do not exist
		if err := d.Read(context.Background(), dst); err != nil {
			t.Fatal(err)
		}
		for i, v := range dst {
			if v != want[i] {
				t.Errorf("%s %v %v = %v, want %v", regs[i].Name, regs[i].Type, regs[i].Order, v, want[i])
			}
		}
	}
	if len(d.plan) != 12 { // 0-7, 10-17, 20-27, 30-33, 200-324 twice; coils; discrete
		t.Errorf("plan %s", names(d.plan))
	}
	if st := l.Stats(); st.Connects != 1 || st.BadFrames+st.Timeouts+st.Hangups != 0 {
		t.Errorf("stats %+v, want one undisturbed connection", st)
	}
	t.Logf("%d channels in %d requests: %s", len(regs), len(d.plan), names(d.plan))
}

// The rarer formats, as Python writes them.
func TestDev_pymodbusFormats(t *testing.T) {
	started := time.Now()
	l := NewLine(Dial(startPymodbus(t)), LineOptions{Timeout: unhurried})
	defer l.Close()
	order := func(s string) Order {
		o, err := ParseOrder(s)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	var regs []Register
	var want []float64
	add := func(at int, typ Type, v float64, change func(*Register)) {
		r := Register{Name: fmt.Sprintf("at%d", at), Table: Holding, Address: uint16(at), Type: typ, Scale: 1}
		if change != nil {
			change(&r)
		}
		regs, want = append(regs, r), append(want, v)
	}
	add(40, BCD16, 1234, nil)
	add(41, BCD32, 567890, nil)
	add(43, M10K64, 1234567890123456, nil)
	add(47, S16, -5, nil)
	add(48, S32, -100001, nil)
	add(50, I24, -74565, nil)
	add(52, I48, -123456789012, nil)
	add(60, F64, 5557.5, func(r *Register) { r.Order = order("EFGHABCD") })
	add(64, F64, 5557.5, func(r *Register) { r.Order = order("CDABGHEF") })
	add(70, I16, 2603.4, func(r *Register) { r.Power = &Place{Holding, 71} })
	valid := &Condition{Register: Register{Table: Holding, Address: 30, Type: U16}, Is: []int64{65000}}
	d := newDev(t, l, 7, regs, Options{MaxGap: 8, Valid: valid})
	for range 3 {
		mustRead(t, d, want...)
	}
	valid.Is = []int64{65001}
	mustMiss(t, newDev(t, l, 7, regs[:2], Options{Valid: valid}), "--", "valid_when: holding 30 is 65000, want 65001")
	for _, at := range []int{80, 86} {
		r := Register{Name: "clock", Table: Input, Address: uint16(at), Type: map[int]Type{80: Date, 86: Date32}[at], Scale: 1}
		got, err := reading(newDev(t, l, 7, []Register{r}, Options{}))
		if age := time.Since(started).Seconds() + 1; err != nil || got[0] > 1 || got[0] < -age {
			t.Errorf("%v: %v s, %v; the server started %v s ago", r.Type, got, err, age)
		}
	}
	if text, err := l.ReadText(context.Background(), 7, Text{Input, 90, 8, ABCD}, RequestLimits{}); text != "SN-42" || err != nil {
		t.Errorf("text %q, %v", text, err)
	}
}

// What pymodbus refuses and keeps silent about.
func TestDev_pymodbusRefuses(t *testing.T) {
	l := NewLine(Dial(startPymodbus(t)), LineOptions{Timeout: 3 * time.Second})
	defer l.Close()
	d := newDev(t, l, 7, words(30, 500), Options{})
	dst := make([]float64, 2)
	err := d.Read(context.Background(), dst)
	var e *ExceptionError
	if !errors.As(err, &e) || *e != (ExceptionError{4, 2}) || dst[0] != 65000 || !math.IsNaN(dst[1]) {
		t.Errorf("an address that does not exist: %v, %v", dst, err)
	}
	other := newDev(t, l, 8, words(30), Options{})
	if err := other.Read(context.Background(), dst[:1]); !errors.Is(err, ErrTimeout) || errors.Is(err, drivers.ErrBus) {
		t.Errorf("a unit that does not exist: %v, want ErrTimeout", err)
	}
	if err := d.Read(context.Background(), dst); dst[0] != 65000 {
		t.Errorf("afterwards: %v, %v", dst, err)
	}
}
