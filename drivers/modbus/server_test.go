package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"os"
	"testing"
	"time"

	peer "github.com/simonvetter/modbus"
)

// plant is what simonvetter/modbus serves: unit 7 has 2000 bits and 500
// registers of each kind, of which 100-109 do not exist.
type plant struct{}

func (plant) HandleCoils(r *peer.CoilsRequest) ([]bool, error) {
	if r.IsWrite {
		return nil, errors.New("somebody wrote")
	}
	return bitsOf(r.UnitId, r.Addr, r.Quantity, 3)
}

func (plant) HandleDiscreteInputs(r *peer.DiscreteInputsRequest) ([]bool, error) {
	return bitsOf(r.UnitId, r.Addr, r.Quantity, 5)
}

func (plant) HandleHoldingRegisters(r *peer.HoldingRegistersRequest) ([]uint16, error) {
	if r.IsWrite {
		return nil, errors.New("somebody wrote")
	}
	return wordsOf(r.UnitId, r.Addr, r.Quantity, 20000)
}

func (plant) HandleInputRegisters(r *peer.InputRegistersRequest) ([]uint16, error) {
	return wordsOf(r.UnitId, r.Addr, r.Quantity, 40000)
}

func bitsOf(unit uint8, at, n, every uint16) (out []bool, err error) {
	if unit != 7 {
		return nil, peer.ErrGWTargetFailedToRespond
	}
	for a := at; a < at+n; a++ {
		if a >= 2000 {
			return nil, peer.ErrIllegalDataAddress
		}
		out = append(out, a%every == 0)
	}
	return out, nil
}

func wordsOf(unit uint8, at, n, base uint16) (out []uint16, err error) {
	if unit != 7 {
		return nil, peer.ErrGWTargetFailedToRespond
	}
	for a := at; a < at+n; a++ {
		if a >= 100 && a < 110 || a >= 500 {
			return nil, peer.ErrIllegalDataAddress
		}
		out = append(out, base+a)
	}
	return out, nil
}

// An independent server in Go: every function, a map with a hole, and a slave
// that its gateway does not reach.
func TestDev_againstSimonvetter(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	s, err := peer.NewServer(&peer.ServerConfiguration{URL: "tcp://" + addr, Timeout: time.Minute, MaxClients: 4,
		Logger: log.New(io.Discard, "", 0)}, plant{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	defer s.Stop()

	l := NewLine(Dial(addr), LineOptions{Timeout: unhurried})
	defer l.Close()
	var regs []Register
	var want []float64
	add := func(table Table, at int, typ Type, order Order, v float64) {
		regs = append(regs, Register{Name: fmt.Sprintf("%v%d", table, at), Table: table, Address: uint16(at), Type: typ, Order: order, Scale: 1})
		want = append(want, v)
	}
	for at := 0; at < 2000; at += 7 {
		add(Coil, at, Bit, ABCD, map[bool]float64{true: 1}[at%3 == 0])
		add(Discrete, at, Bit, ABCD, map[bool]float64{true: 1}[at%5 == 0])
	}
	for at := range 100 {
		add(Holding, at, U16, ABCD, float64(20000+at))
		add(Input, at, I16, ABCD, float64(40000+at-65536))
	}
	for at := 110; at < 498; at += 4 {
		hi, lo := float64(20000+at), float64(20001+at)
		add(Holding, at, U32, ABCD, hi*65536+lo)
		add(Input, at, U32, CDAB, (40001+float64(at))*65536+40000+float64(at))
		add(Holding, at+2, U8L, ABCD, float64((20002+at)&0xff))
		add(Input, at+2, U8H, ABCD, float64((40002+at)>>8))
	}
	d := newDev(t, l, 7, regs, Options{MaxGap: 12})
	dst := make([]float64, len(regs))
	for range 3 {
		if err := d.Read(context.Background(), dst); err != nil {
			t.Fatal(err)
		}
		for i, v := range dst {
			if v != want[i] {
				t.Errorf("%s %v %v = %v, want %v", regs[i].Name, regs[i].Type, regs[i].Order, v, want[i])
			}
		}
	}
	if st := l.Stats(); st.Connects != 1 || st.BadFrames+st.Timeouts+st.Hangups != 0 {
		t.Errorf("stats %+v, want one undisturbed connection", st)
	}
	t.Logf("%d channels in %d requests: %s", len(regs), len(d.plan), names(d.plan))

	other := newDev(t, l, 8, words(0, 1), Options{})
	var x *ExceptionError
	if err := other.Read(context.Background(), dst[:2]); !errors.As(err, &x) || x.Code != targetSilent || !errors.Is(err, os.ErrDeadlineExceeded) || !math.IsNaN(dst[0]) {
		t.Errorf("a slave that is not there: %v, %v", dst[:2], err)
	}
}
