package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// named are the behaviours of one kind each.
func named(seeds int) (jobs []job) {
	add := func(name string, run func(seed uint64) (tally, error)) {
		for seed := range seeds {
			jobs = append(jobs, job{name, uint64(seed), run})
		}
	}
	for reply, after := range []string{"exception", "silence", "hang-up"} {
		for _, f := range []struct {
			name  string
			fault modbussim.GatewayFault
		}{{"once", modbussim.GatewayFault{OneShot: true}}, {"flushed", modbussim.GatewayFault{Flush: true}}, {"for ever", modbussim.GatewayFault{}}} {
			f.fault.Reply = modbussim.StallReply(reply)
			add(fmt.Sprintf("gateway late %s after %s", f.name, after), func(seed uint64) (tally, error) { return gateway(seed, f.fault) })
		}
	}
	add("another master", anotherMaster)
	add("first register only", firstOnly)
	for _, l := range []struct {
		name string
		lie  modbussim.Lie
	}{{"late", modbussim.Late}, {"stale answers", modbussim.Stale}, {"malformed frames", modbussim.Malformed}, {"wrong byte counts", modbussim.WrongCount},
		{"fewer registers", modbussim.Truncated}, {"hang-ups", modbussim.CloseAtRequest}, {"silence", modbussim.Mute}, {"busy", modbussim.Exception}} {
		add(l.name+" over TCP", func(seed uint64) (tally, error) { return lying(seed, l.lie, false) })
		add(l.name+" over RTU", func(seed uint64) (tally, error) { return lying(seed, l.lie, true) })
	}
	return jobs
}

// anything draws one of the behaviours with everything about it.
func anything(seed uint64) (tally, error) {
	rng := rand.New(rand.NewPCG(seed, 0xa11))
	switch rng.IntN(8) {
	case 0:
		return anotherMaster(seed)
	case 1:
		return firstOnly(seed)
	case 2, 3, 4:
		return gateway(seed, modbussim.GatewayFault{Reply: modbussim.StallReply(rng.IntN(3)), OneShot: rng.IntN(2) == 0, Flush: rng.IntN(2) == 0})
	}
	lies := []modbussim.Lie{modbussim.Late, modbussim.Stale, modbussim.Malformed, modbussim.WrongCount, modbussim.Truncated, modbussim.WrongUnit,
		modbussim.WrongFunction, modbussim.ForeignException, modbussim.CloseMidFrame, modbussim.CloseAtRequest, modbussim.Mute, modbussim.Exception,
		modbussim.WrongCRC, modbussim.Noise, modbussim.Split}
	return lying(seed, lies[rng.IntN(len(lies))], rng.IntN(2) == 0)
}

// draw makes what every behaviour has in common.
func draw(rng *rand.Rand) device {
	d := device{cycles: 30 + rng.IntN(20), period: time.Duration(20+rng.IntN(60)) * time.Millisecond}
	d.regs, d.want = registers(rng)
	d.opts.Alone = rng.IntN(4) == 0
	if rng.IntN(4) == 0 {
		retries := rng.IntN(3)
		d.opts.Retries = &retries
	}
	return d
}

// lineOptions are those of a line to a device that answers within a few milliseconds.
func lineOptions(rng *rand.Rand, mode modbus.Mode) modbus.LineOptions {
	return modbus.LineOptions{Mode: mode, Timeout: time.Duration(60+rng.IntN(60)) * time.Millisecond, Pause: 5 * time.Millisecond, MaxPause: 20 * time.Millisecond,
		Baud: 115_200, CloseAfterRead: rng.IntN(5) == 0}
}

// gateway is a device behind a gateway that gives late answers to other requests.
func gateway(seed uint64, f modbussim.GatewayFault) (tally, error) {
	rng := rand.New(rand.NewPCG(seed, 0x6a7e))
	d := draw(rng)
	f.Seed, f.Stall, f.Lost, f.Late = seed, 0.02+0.2*rng.Float64(), rng.Float64()/2, time.Duration(rng.IntN(60)+1)*time.Millisecond
	g, err := modbussim.ListenGateway("127.0.0.1:0", map[uint8]*modbussim.Bank{7: truth()}, f)
	if err != nil {
		return tally{}, err
	}
	defer g.Close()
	d.line = modbus.NewLine(modbus.Dial(g.Addr()), lineOptions(rng, modbus.TCP))
	return d.read()
}

// anotherMaster is a device behind a transparent serial server with another client,
// which comes and goes.
func anotherMaster(seed uint64) (tally, error) {
	rng := rand.New(rand.NewPCG(seed, 0x3a57e6))
	d := draw(rng)
	bank := truth()
	for a := range 4 {
		bank.SetHolding(290+a, 9999)
	}
	o := modbussim.OtherMaster{Every: time.Duration(10+rng.IntN(400)) * time.Millisecond, Jitter: time.Duration(rng.IntN(100)+1) * time.Millisecond, Unit: 7,
		At: 290, Count: uint16(1 + rng.IntN(3)), Took: time.Duration(1+rng.IntN(12)) * time.Millisecond, Seed: seed}
	quiet := o
	quiet.Every = 0
	s, err := modbussim.ListenSerialServer("127.0.0.1:0", map[uint8]*modbussim.Bank{7: bank}, o)
	if err != nil {
		return tally{}, err
	}
	defer s.Close()
	if rng.IntN(2) == 0 {
		s.SetOther(quiet)
		come := time.AfterFunc(time.Duration(rng.IntN(1500))*time.Millisecond, func() { s.SetOther(o) })
		defer come.Stop()
	}
	for i := range d.regs {
		d.regs[i].Table = modbus.Holding
	}
	d.line = modbus.NewLine(modbus.Dial(s.Addr()), lineOptions(rng, modbus.RTUOverTCP))
	return d.read()
}

// firstOnly is a device that gives only the first register of a request.
func firstOnly(seed uint64) (tally, error) {
	rng := rand.New(rand.NewPCG(seed, 0xf1657))
	d := draw(rng)
	for i := range d.regs { // of a number of two registers such a device gives a half
		d.regs[i].Type, d.want[i] = modbus.U16, float64(1000+int(d.regs[i].Address))
	}
	bank := truth()
	bank.SetFirstOnly(true)
	s, err := modbussim.Listen("127.0.0.1:0", map[uint8]*modbussim.Bank{7: bank})
	if err != nil {
		return tally{}, err
	}
	defer s.Close()
	d.line = modbus.NewLine(modbus.Dial(s.Addr()), lineOptions(rng, modbus.TCP))
	return d.read()
}

// lying is a device that lies in a share of its answers.
func lying(seed uint64, lie modbussim.Lie, rtu bool) (tally, error) {
	rng := rand.New(rand.NewPCG(seed, 0x11e))
	d := draw(rng)
	listen, mode := modbussim.Listen, modbus.TCP
	if rtu {
		listen, mode = modbussim.ListenRTU, modbus.RTUOverTCP
	}
	s, err := listen("127.0.0.1:0", map[uint8]*modbussim.Bank{7: truth()})
	if err != nil {
		return tally{}, err
	}
	defer s.Close()
	o := lineOptions(rng, mode)
	f := modbussim.Fault{Lie: lie, Share: 0.02 + 0.2*rng.Float64(), Seed: seed, Code: []byte{4, 5, 6}[rng.IntN(3)]}
	switch lie {
	case modbussim.Late: // at most as late as a serial line can tell
		f.Delay = time.Duration((1.1 + 2*rng.Float64()) * float64(o.Timeout))
	case modbussim.Split:
		f.Delay = time.Duration(rng.IntN(10)) * time.Millisecond
	}
	s.SetFault(f)
	d.line = modbus.NewLine(modbus.Dial(s.Addr()), o)
	return d.read()
}
