package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"math"
	"net"
	"syscall"

	goburrow "github.com/goburrow/modbus"
	gridx "github.com/grid-x/modbus"
	simonvetter "github.com/simonvetter/modbus"

	"iot-edge-anomaly/drivers/modbus"
)

// plain reads with a library as it comes: registers beside each other in one request,
// one request after the other, and the next ones also after an error. A connection that
// the peer has closed is opened again.
type plain struct {
	regs   []modbus.Register
	blocks [][]int // indices of regs
	ask    func(input bool, at, n uint16) ([]byte, error)
	reopen func() error
	end    func() error
}

func newPlain(regs []modbus.Register) *plain {
	p := &plain{regs: regs}
	for i, r := range regs {
		if n := len(p.blocks); n > 0 && int(regs[i-1].Address)+regs[i-1].Type.Registers() == int(r.Address) {
			p.blocks[n-1] = append(p.blocks[n-1], i)
		} else {
			p.blocks = append(p.blocks, []int{i})
		}
	}
	return p
}

func (p *plain) read(dst []float64) (map[string]bool, error) {
	var first error
	for _, block := range p.blocks {
		at, last := p.regs[block[0]], p.regs[block[len(block)-1]]
		n := int(last.Address) + last.Type.Registers() - int(at.Address)
		b, err := p.ask(at.Table == modbus.Input, at.Address, uint16(n))
		first = errors.Join(first, err)
		if isLost(err) {
			first = errors.Join(first, p.reopen())
		}
		for _, i := range block {
			dst[i] = math.NaN()
			from, size := 2*int(p.regs[i].Address-at.Address), 2*p.regs[i].Type.Registers()
			switch {
			case err != nil || from+size > len(b): // a user's program would not go beyond what it got either
			case size == 2:
				dst[i] = float64(binary.BigEndian.Uint16(b[from:]))
			default:
				dst[i] = float64(binary.BigEndian.Uint32(b[from:]))
			}
		}
	}
	return nil, first
}

func (p *plain) close() { p.end() }

// isLost reports whether the peer has closed the connection.
func isLost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func openGoburrow(s scene, addr string) (reader, error) {
	h := goburrow.NewTCPClientHandler(addr)
	h.Timeout, h.SlaveId = s.line.Timeout, 7
	c, p := goburrow.NewClient(h), newPlain(s.regs)
	p.reopen, p.end = h.Close, h.Close
	p.ask = func(input bool, at, n uint16) ([]byte, error) {
		if input {
			return c.ReadInputRegisters(at, n)
		}
		return c.ReadHoldingRegisters(at, n)
	}
	return p, nil
}

func openGridx(s scene, addr string) (reader, error) {
	var h gridx.ClientHandler
	if s.line.Mode == modbus.TCP {
		t := gridx.NewTCPClientHandler(addr)
		t.Timeout = s.line.Timeout
		h = t
	} else {
		t := gridx.NewRTUOverTCPClientHandler(addr)
		t.Timeout = s.line.Timeout
		h = t
	}
	h.SetSlave(7)
	c, p := gridx.NewClient(h), newPlain(s.regs)
	p.reopen, p.end = h.Close, h.Close
	p.ask = func(input bool, at, n uint16) ([]byte, error) {
		if input {
			return c.ReadInputRegisters(context.Background(), at, n)
		}
		return c.ReadHoldingRegisters(context.Background(), at, n)
	}
	return p, nil
}

func openSimonvetter(s scene, addr string) (reader, error) {
	url := "tcp://" + addr
	if s.line.Mode != modbus.TCP {
		url = "rtuovertcp://" + addr
	}
	c, err := simonvetter.NewClient(&simonvetter.ClientConfiguration{URL: url, Timeout: s.line.Timeout, Speed: uint(s.line.Baud), Logger: log.New(io.Discard, "", 0)})
	if err != nil {
		return nil, err
	}
	c.SetUnitId(7)
	p := newPlain(s.regs)
	p.end = c.Close
	p.reopen = func() error { return errors.Join(c.Close(), c.Open()) }
	p.ask = func(input bool, at, n uint16) ([]byte, error) {
		kind := simonvetter.HOLDING_REGISTER
		if input {
			kind = simonvetter.INPUT_REGISTER
		}
		return c.ReadRawBytes(at, 2*n, kind)
	}
	return p, c.Open()
}
