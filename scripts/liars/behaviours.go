package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// named are the behaviours of one kind each.
func named(seeds int) (jobs []job) {
	add := func(name string, make func(seed uint64) scene) {
		for seed := range seeds {
			jobs = append(jobs, job{name, uint64(seed), make})
		}
	}
	for reply, after := range []string{"exception", "silence", "hang-up"} {
		for _, f := range []struct {
			name  string
			fault modbussim.GatewayFault
		}{{"once", modbussim.GatewayFault{OneShot: true}}, {"flushed", modbussim.GatewayFault{Flush: true}}, {"for ever", modbussim.GatewayFault{}}} {
			f.fault.Reply = modbussim.StallReply(reply)
			add(fmt.Sprintf("gateway late %s after %s", f.name, after), func(seed uint64) scene { return gateway(seed, f.fault) })
		}
	}
	add("gateway behind at the start", behind)
	add("another master", anotherMaster)
	add("first register only", firstOnly)
	for _, l := range []struct {
		name string
		lie  modbussim.Lie
	}{{"late", modbussim.Late}, {"stale answers", modbussim.Stale}, {"malformed frames", modbussim.Malformed}, {"wrong byte counts", modbussim.WrongCount},
		{"fewer registers", modbussim.Truncated}, {"hang-ups", modbussim.CloseAtRequest}, {"silence", modbussim.Mute}, {"busy", modbussim.Exception}} {
		add(l.name+" over TCP", func(seed uint64) scene { return lying(seed, l.lie, false) })
		add(l.name+" over RTU", func(seed uint64) scene { return lying(seed, l.lie, true) })
	}
	return jobs
}

// anything draws one of the behaviours with everything about it.
func anything(seed uint64) scene {
	rng := rand.New(rand.NewPCG(seed, 0xa11))
	switch rng.IntN(8) {
	case 0:
		if rng.IntN(4) == 0 {
			return behind(seed)
		}
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
func draw(rng *rand.Rand) scene {
	s := scene{cycles: 30 + rng.IntN(20), period: time.Duration(20+rng.IntN(60)) * time.Millisecond}
	s.regs = registers(rng)
	s.opts.Alone = rng.IntN(4) == 0
	if rng.IntN(4) == 0 {
		retries := rng.IntN(3)
		s.opts.Retries = &retries
	}
	return s
}

// lineOptions are those of a line to a device that answers within a few milliseconds.
func lineOptions(rng *rand.Rand, mode modbus.Mode) modbus.LineOptions {
	return modbus.LineOptions{Mode: mode, Timeout: time.Duration(60+rng.IntN(60)) * time.Millisecond, Pause: 5 * time.Millisecond, MaxPause: 20 * time.Millisecond,
		Baud: 115_200, CloseAfterRead: rng.IntN(5) == 0}
}

// gateway is a device behind a gateway that gives late answers to other requests.
func gateway(seed uint64, f modbussim.GatewayFault) scene {
	rng := rand.New(rand.NewPCG(seed, 0x6a7e))
	s := draw(rng)
	f.Seed, f.Stall, f.Lost, f.Late = seed, 0.02+0.2*rng.Float64(), rng.Float64()/2, time.Duration(rng.IntN(60)+1)*time.Millisecond
	s.line = lineOptions(rng, modbus.TCP)
	s.start = func(units map[uint8]*modbussim.Bank) (simulated, error) {
		return modbussim.ListenGateway("127.0.0.1:0", units, f)
	}
	return s
}

// behind is a device behind a gateway that was one answer behind when it was first
// asked, because an earlier client had given up. All requests are of one size.
func behind(seed uint64) scene {
	s := gateway(seed, modbussim.GatewayFault{})
	for i := range s.regs {
		s.regs[i].Type, s.regs[i].Address = modbus.U16, uint16(20*i)
	}
	s.start = func(units map[uint8]*modbussim.Bank) (simulated, error) {
		g, err := modbussim.ListenGateway("127.0.0.1:0", units, modbussim.GatewayFault{Stall: 1})
		if err != nil {
			return nil, err
		}
		earlier := modbus.NewLine(modbus.Dial(g.Addr()), modbus.LineOptions{})
		defer earlier.Close()
		_, _ = earlier.Read(context.Background(), 7, s.regs[0].Table, 100, 1) // an exception, as is its purpose
		g.SetFault(modbussim.GatewayFault{})
		return g, nil
	}
	return s
}

// anotherMaster is a device behind a transparent serial server with another client,
// which comes and goes.
func anotherMaster(seed uint64) scene {
	rng := rand.New(rand.NewPCG(seed, 0x3a57e6))
	s := draw(rng)
	o := modbussim.OtherMaster{Every: time.Duration(10+rng.IntN(400)) * time.Millisecond, Jitter: time.Duration(rng.IntN(100)+1) * time.Millisecond, Unit: 7,
		At: others, Count: uint16(1 + rng.IntN(3)), Took: time.Duration(1+rng.IntN(12)) * time.Millisecond, Seed: seed}
	quiet := o
	quiet.Every = 0
	comes := time.Duration(-1)
	if rng.IntN(2) == 0 {
		comes = time.Duration(rng.IntN(1500)) * time.Millisecond
	}
	for i := range s.regs {
		s.regs[i].Table = modbus.Holding
	}
	s.line = lineOptions(rng, modbus.RTUOverTCP)
	s.start = func(units map[uint8]*modbussim.Bank) (simulated, error) {
		server, err := modbussim.ListenSerialServer("127.0.0.1:0", units, o)
		if err == nil && comes >= 0 {
			server.SetOther(quiet)
			time.AfterFunc(comes, func() { server.SetOther(o) })
		}
		return server, err
	}
	return s
}

// firstOnly is a device that gives only the first register of a request.
func firstOnly(seed uint64) scene {
	rng := rand.New(rand.NewPCG(seed, 0xf1657))
	s := draw(rng)
	for i := range s.regs { // of a number of two registers such a device gives a half
		s.regs[i].Type = modbus.U16
	}
	s.line = lineOptions(rng, modbus.TCP)
	s.start = func(units map[uint8]*modbussim.Bank) (simulated, error) {
		units[7].SetFirstOnly(true)
		return modbussim.Listen("127.0.0.1:0", units)
	}
	return s
}

// lying is a device that lies in a share of its answers.
func lying(seed uint64, lie modbussim.Lie, rtu bool) scene {
	rng := rand.New(rand.NewPCG(seed, 0x11e))
	s := draw(rng)
	listen, mode := modbussim.Listen, modbus.TCP
	if rtu {
		listen, mode = modbussim.ListenRTU, modbus.RTUOverTCP
	}
	s.line = lineOptions(rng, mode)
	f := modbussim.Fault{Lie: lie, Share: 0.02 + 0.2*rng.Float64(), Seed: seed, Code: []byte{4, 5, 6}[rng.IntN(3)]}
	switch lie {
	case modbussim.Late: // at most as late as a serial line can tell
		f.Delay = time.Duration((1.1 + 2*rng.Float64()) * float64(s.line.Timeout))
	case modbussim.Split:
		f.Delay = time.Duration(rng.IntN(10)) * time.Millisecond
	}
	s.start = func(units map[uint8]*modbussim.Bank) (simulated, error) {
		server, err := listen("127.0.0.1:0", units)
		if err == nil {
			server.SetFault(f)
		}
		return server, err
	}
	return s
}
