package main

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"iot-edge-anomaly/drivers/sim/i2csim"
	"iot-edge-anomaly/drivers/sim/modbussim"
	"iot-edge-anomaly/drivers/sim/tinyusb"
)

// plant is what surrounds a board, simulated on this host: chips behind a USB
// adapter, a pump's controller on Modbus TCP and a meter on Modbus RTU. It keeps
// running when the board loses its power.
type plant struct {
	bus     *i2csim.Bus // behind the adapter
	adapter *tinyusb.Adapter
	cabinet *i2csim.BME280
	room    *i2csim.SHT
	outside *i2csim.LM75   // if the board has no controller of its own
	kernels *i2csim.LM75   // the same, read by the kernel's driver
	air     *i2csim.BME280 // read by the kernel's driver

	pump *modbussim.Server
	bank *modbussim.Bank
	worn atomic.Bool // the pump's bearing

	rtu   *modbussim.Server // the RS-485 line: qemu's serial port connects to it
	meter *modbussim.Bank

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Addresses of the chips.
const (
	outsideAddr = 0x48
	kernelsAddr = 0x49
	airAddr     = 0x77
	cabinetAddr = 0x76
	roomAddr    = 0x44
	pumpUnit    = 7
	meterUnit   = 3
)

func newPlant(b *board) (*plant, error) {
	p := &plant{bus: i2csim.New("adapter"), cabinet: i2csim.NewBME280(), room: i2csim.NewSHT3x(), air: i2csim.NewBME280(), bank: &modbussim.Bank{}, meter: &modbussim.Bank{}}
	p.bus.Attach(cabinetAddr, p.cabinet)
	p.bus.Attach(roomAddr, p.room)
	p.bus.Attach(airAddr, p.air)
	if !b.header {
		p.outside, p.kernels = i2csim.NewLM75(11), i2csim.NewLM75(11)
		p.bus.Attach(outsideAddr, p.outside)
		p.bus.Attach(kernelsAddr, p.kernels)
	}
	p.turn(0)
	p.meter.SetHoldingFloat32(0, 5.5)
	var err error
	if p.adapter, err = tinyusb.Listen("127.0.0.1:0", p.bus); err != nil {
		return nil, err
	}
	if p.pump, err = modbussim.Listen("127.0.0.1:0", map[uint8]*modbussim.Bank{pumpUnit: p.bank}); err != nil {
		return nil, errors.Join(err, p.adapter.Close())
	}
	if p.rtu, err = modbussim.ListenRTU("127.0.0.1:0", map[uint8]*modbussim.Bank{meterUnit: p.meter}); err != nil {
		return nil, errors.Join(err, p.adapter.Close(), p.pump.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.wg.Go(func() { p.run(ctx) })
	return p, nil
}

// run turns the pump until ctx is done.
func (p *plant) run(ctx context.Context) {
	begin := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			p.turn(now.Sub(begin))
		}
	}
}

// turn sets the pump's registers: a speed that swings slowly, a flow and a
// current that follow it, each with its own noise. A worn bearing takes 2 A
// more.
func (p *plant) turn(t time.Duration) {
	speed := 40 + 3*math.Sin(2*math.Pi*t.Seconds()/7) + 0.1*rand.NormFloat64()
	flow := 0.75*speed + 0.1*rand.NormFloat64()
	current := 0.2*speed + 0.03*rand.NormFloat64()
	if p.worn.Load() {
		current += 2
	}
	p.bank.SetInput(0, uint16(math.Round(speed*10)), uint16(math.Round(flow*100)))
	p.bank.SetHoldingFloat32(100, float32(current))
}

func (p *plant) close() {
	p.cancel()
	p.wg.Wait()
	_ = errors.Join(p.adapter.Close(), p.pump.Close(), p.rtu.Close()) // nothing depends on it any more
}

// flaky is a chip that does not acknowledge every n-th transfer.
type flaky struct {
	i2csim.Chip
	every int64
	n     int64 // transfers; the bus has one at a time
	lost  atomic.Int64
}

// Tx implements i2csim.Chip.
func (f *flaky) Tx(w, r []byte) error {
	if f.n++; f.n%f.every == 0 {
		f.lost.Add(1)
		return syscall.ENXIO
	}
	return f.Chip.Tx(w, r)
}

func port(addr string) string {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		panic(err) // of a listener
	}
	return port
}
