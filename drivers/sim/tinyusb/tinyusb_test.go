package tinyusb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"periph.io/x/conn/v3/physic"

	"iot-edge-anomaly/drivers/sim/i2csim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T, bus *i2csim.Bus) *Adapter {
	t.Helper()
	a, err := Listen("127.0.0.1:0", bus)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// kernel is the other end as Linux plays it.
type kernel struct {
	t    *testing.T
	conn net.Conn
	seq  uint32
}

func dial(t *testing.T, a *Adapter) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", a.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

func attached(t *testing.T, a *Adapter) *kernel {
	t.Helper()
	c := dial(t, a)
	id, speed, err := Import(c)
	if err != nil || id != 1<<16|2 || speed != 2 {
		t.Fatalf("import: id %#x, speed %d, error %v", id, speed, err)
	}
	return &kernel{t: t, conn: c}
}

// submit sends a control transfer and returns its number.
func (k *kernel) submit(s setup, out []byte) uint32 {
	k.t.Helper()
	k.seq++
	be, le := binary.BigEndian, binary.LittleEndian
	h := make([]byte, headerLen)
	in := uint32(s.requestType >> 7)
	for at, v := range map[int]uint32{0: cmdSubmit, 4: k.seq, 8: 1<<16 | 2, 12: in, 16: 0, 24: uint32(s.length)} {
		be.PutUint32(h[at:], v)
	}
	h[40], h[41] = s.requestType, s.request
	le.PutUint16(h[42:], s.value)
	le.PutUint16(h[44:], s.index)
	le.PutUint16(h[46:], s.length)
	if _, err := k.conn.Write(append(h, out...)); err != nil {
		k.t.Fatal(err)
	}
	return k.seq
}

// answer reads one reply; hasData tells whether data follow, which only the one
// who asked knows.
func (k *kernel) answer(hasData bool) (kind, seq uint32, status int32, data []byte) {
	k.t.Helper()
	be := binary.BigEndian
	h := make([]byte, headerLen)
	if _, err := io.ReadFull(k.conn, h); err != nil {
		k.t.Fatal(err)
	}
	if hasData {
		data = make([]byte, be.Uint32(h[24:]))
		if _, err := io.ReadFull(k.conn, data); err != nil {
			k.t.Fatal(err)
		}
	}
	return be.Uint32(h), be.Uint32(h[4:]), int32(be.Uint32(h[20:])), data
}

// control is one control transfer and its answer.
func (k *kernel) control(requestType, request byte, value, index, length uint16, out []byte) ([]byte, int32) {
	k.t.Helper()
	want := k.submit(setup{requestType, request, value, index, length}, out)
	kind, seq, status, data := k.answer(requestType&0x80 != 0)
	if kind != retSubmit || seq != want {
		k.t.Fatalf("answer %d to %d, want %d to %d", kind, seq, retSubmit, want)
	}
	return data, status
}

const vendorIn, vendorOut, standardIn = 0xC1, 0x41, 0x80

// transfer is what i2c-tiny-usb.c makes of a transfer of one or two messages.
func (k *kernel) transfer(addr uint16, w []byte, n int) ([]byte, error) {
	k.t.Helper()
	var in []byte
	first, both := byte(ioBegin), w != nil && n > 0
	status := func() error {
		if s, _ := k.control(vendorIn, cmdStatus, 0, 0, 1, nil); s[0] == statusNAK {
			return syscall.ENXIO
		}
		return nil
	}
	if w != nil {
		request := byte(cmdIO | ioBegin)
		if !both {
			request |= ioEnd
		}
		k.control(vendorOut, request, 0, addr, uint16(len(w)), w)
		if err := status(); err != nil {
			return nil, err
		}
		first = 0
	}
	if n > 0 {
		in, _ = k.control(vendorIn, cmdIO|first|ioEnd, flagRead, addr, uint16(n), nil)
		if err := status(); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func TestEnumeration(t *testing.T) {
	k := attached(t, listen(t, i2csim.New("sim")))
	if d, _ := k.control(standardIn, getDescriptor, typeDevice<<8, 0, 64, nil); len(d) != 18 || binary.LittleEndian.Uint16(d[8:]) != vendorID || binary.LittleEndian.Uint16(d[10:]) != productID {
		t.Errorf("device descriptor % x", d)
	}
	// The kernel reads the head first, then as much as it says.
	head, _ := k.control(standardIn, getDescriptor, typeConfiguration<<8, 0, 9, nil)
	if len(head) != 9 || int(binary.LittleEndian.Uint16(head[2:])) != len(configDescriptor) {
		t.Errorf("configuration's head % x", head)
	}
	if d, _ := k.control(standardIn, getDescriptor, typeString<<8|2, 0x409, 255, nil); !bytes.Contains(d, []byte("i\x002\x00c\x00")) || int(d[0]) != len(d) {
		t.Errorf("product % x", d)
	}
	if _, status := k.control(standardIn, getDescriptor, 6<<8, 0, 10, nil); status != -int32(syscall.EPIPE) {
		t.Errorf("unknown descriptor: status %d, want a stall", status)
	}
	if _, status := k.control(0x00, 9, 1, 0, 0, nil); status != 0 {
		t.Errorf("SET_CONFIGURATION: status %d", status)
	}
	if f, _ := k.control(vendorIn, cmdFunc, 0, 0, 4, nil); binary.LittleEndian.Uint32(f) != functionality {
		t.Errorf("functionality % x", f)
	}
	if _, status := k.control(vendorIn, 77, 0, 0, 4, nil); status != -int32(syscall.EPIPE) {
		t.Errorf("unknown command: status %d, want a stall", status)
	}
}

func TestTransfers(t *testing.T) {
	bus, chip := i2csim.New("sim"), i2csim.NewLM75(11)
	chip.Set(-10.5)
	bus.Attach(0x48, chip)
	k := attached(t, listen(t, bus))
	if b, err := k.transfer(0x48, []byte{0}, 2); err != nil || !bytes.Equal(b, []byte{0xF5, 0x80}) {
		t.Errorf("temperature % x, %v; want f5 80", b, err)
	}
	if n := bus.Count(); n != 1 {
		t.Errorf("a write and a read made %d transactions, want 1", n)
	}
	if _, err := k.transfer(0x48, []byte{3, 0x12, 0x34}, 0); err != nil {
		t.Error(err)
	}
	if b, err := k.transfer(0x48, nil, 2); err != nil || !bytes.Equal(b, []byte{0x12, 0x34}) {
		t.Errorf("limit % x, %v; want 12 34", b, err)
	}
	if _, err := k.transfer(0x49, []byte{0}, 2); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("empty address: %v, want ENXIO", err)
	}
	if _, err := k.transfer(0x49, []byte{}, 0); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("empty address, quick write: %v, want ENXIO", err)
	}
	if _, err := k.transfer(0x48, []byte{}, 0); err != nil {
		t.Errorf("quick write: %v", err)
	}
}

// What the bus cannot say must not look like success.
func TestTransfers_otherShapes(t *testing.T) {
	bus := i2csim.New("sim")
	bus.Attach(0x48, i2csim.NewLM75(11))
	k := attached(t, listen(t, bus))
	for _, request := range []byte{cmdIO | ioEnd, cmdIO} { // a write that continues a transfer
		k.control(vendorOut, request, 0, 0x48, 1, []byte{0})
		if s, _ := k.control(vendorIn, cmdStatus, 0, 0, 1, nil); s[0] != statusNAK {
			t.Errorf("request %d: status %d, want %d", request, s[0], statusNAK)
		}
	}
	if bus.Count() != 0 {
		t.Errorf("%d transactions", bus.Count())
	}
}

// A transfer that hangs is taken back, and those after it are served.
func TestUnlink(t *testing.T) {
	bus := i2csim.New("sim")
	bus.Attach(0x48, i2csim.NewLM75(11))
	gate := &gatedBus{Bus: bus, open: make(chan struct{}), entered: make(chan struct{})}
	a, err := Listen("127.0.0.1:0", gate)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	k := attached(t, a)
	hung := k.submit(setup{vendorOut, cmdIO | ioBegin | ioEnd, 0, 0x48, 1}, []byte{0})
	<-gate.entered
	unlink := func(target uint32) int32 {
		t.Helper()
		k.seq++
		h := make([]byte, headerLen)
		for at, v := range map[int]uint32{0: cmdUnlink, 4: k.seq, 20: target} {
			binary.BigEndian.PutUint32(h[at:], v)
		}
		if _, err := k.conn.Write(h); err != nil {
			t.Fatal(err)
		}
		kind, seq, status, _ := k.answer(false)
		if kind != retUnlink || seq != k.seq {
			t.Fatalf("answer %d to %d, want %d to %d", kind, seq, retUnlink, k.seq)
		}
		return status
	}
	if status := unlink(hung); status != -int32(syscall.ECONNRESET) {
		t.Errorf("unlink of a transfer under way: status %d, want %d", status, -int32(syscall.ECONNRESET))
	}
	close(gate.open)
	if b, err := k.transfer(0x48, []byte{0}, 2); err != nil || len(b) != 2 {
		t.Errorf("after it: % x, %v", b, err)
	}
	if status := unlink(k.seq - 1); status != 0 {
		t.Errorf("unlink of what was answered: status %d, want 0", status)
	}
}

// gatedBus holds its first transaction until it is opened.
type gatedBus struct {
	*i2csim.Bus
	once          sync.Once
	entered, open chan struct{}
}

func (g *gatedBus) Tx(addr uint16, w, r []byte) error {
	g.once.Do(func() {
		close(g.entered)
		<-g.open
	})
	return g.Bus.Tx(addr, w, r)
}

func (g *gatedBus) SetSpeed(physic.Frequency) error { return nil }

func TestUnplug(t *testing.T) {
	bus := i2csim.New("sim")
	a := listen(t, bus)
	k := attached(t, a)
	a.Unplug()
	if _, err := io.ReadFull(k.conn, make([]byte, 1)); err == nil {
		t.Error("unplugged, and the connection lives")
	}
	if _, _, err := Import(dial(t, a)); err == nil {
		t.Error("unplugged, and attached")
	}
	a.Plug()
	attached(t, a)
	if n := a.Imports(); n != 2 {
		t.Errorf("%d imports, want 2", n)
	}
}

// Whatever is sent, the server ends the connection or answers; it never hangs
// or panics.
func FuzzSession(f *testing.F) {
	be := binary.BigEndian
	h := make([]byte, headerLen)
	be.PutUint32(h, cmdSubmit)
	be.PutUint32(h[24:], 2)
	h[40], h[41], h[44], h[46] = vendorOut, cmdIO|ioBegin|ioEnd, 0x48, 2
	f.Add(append(h, 0, 1))
	be.PutUint32(h, cmdUnlink)
	f.Add(h)
	be.PutUint32(h[24:], 1<<31)
	be.PutUint32(h, cmdSubmit)
	f.Add(h)
	f.Fuzz(func(t *testing.T, in []byte) {
		bus := i2csim.New("sim")
		bus.Attach(0x48, i2csim.NewLM75(11))
		client, server := net.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() { newSession(server, &device{bus: bus}).run() })
		wg.Go(func() { io.Copy(io.Discard, client) })
		client.SetDeadline(time.Now().Add(time.Minute))
		client.Write(in)
		client.Close()
		wg.Wait()
	})
}
