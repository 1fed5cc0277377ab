package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"iot-edge-anomaly/agent/demo"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// settleFor is how long a binary samples before its memory is read: long enough for
// several garbage collections and a scrape of its metrics.
const settleFor = 15 * time.Second

// measureChannels prints the cost of a thousand channels at 1 Hz beside that of a
// hundred. The channels are registers of Modbus TCP units, 100 each. They are
// sampled, checked and shown on /metrics; there is no model.
func measureChannels(binary string) error {
	const few, many = 1, 10
	small, _, err := sampling(binary, few)
	if err != nil {
		return err
	}
	large, cpu, err := sampling(binary, many)
	if err != nil {
		return err
	}
	fmt.Printf("1,000 channels at 1 Hz     %8.1f MiB more than 100, %.2f %% of one core\n", float64(large-small)/1024, 100*cpu)
	return nil
}

// sampling returns the resident memory, in KiB, and the share of a core of a binary
// that samples that many units.
func sampling(binary string, units int) (rss int, cpu float64, err error) {
	banks := map[uint8]*modbussim.Bank{}
	var sensors strings.Builder
	for u := 1; u <= units; u++ {
		b := new(modbussim.Bank)
		fmt.Fprintf(&sensors, "  - name: u%d\n    driver: modbus\n    bus: plc\n    unit: %d\n    registers:\n", u, u)
		for r := range 100 {
			b.SetHolding(r, uint16(u*r))
			fmt.Fprintf(&sensors, "      - {name: r%d, at: \"holding:%d\", type: u16, range: [0, 60000]}\n", r, r)
		}
		banks[uint8(u)] = b
	}
	server, err := modbussim.Listen("127.0.0.1:0", banks)
	if err != nil {
		return 0, 0, err
	}
	defer server.Close()
	addr, err := demo.FreeAddr("127.0.0.1:18080")
	if err != nil {
		return 0, 0, err
	}
	dir, err := os.MkdirTemp("", "footprint-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	text := fmt.Sprintf("state: %s\nbuses: {plc: {modbus: \"tcp://%s\"}}\nhttp: {listen: %q}\nsensors:\n%smachines: [{name: main, channels: [\"*.*\"], period: 1s, model: {learn: {when: never}}}]\n",
		dir, server.Addr(), addr, sensors.String())
	r, err := start(binary, dir, text, addr)
	if err != nil {
		return 0, 0, err
	}
	defer r.stop()
	if cpu, err = r.load(settleFor); err != nil {
		return 0, 0, err
	}
	if asked := server.RequestsTo(uint8(units)); asked < int(settleFor.Seconds())-2 {
		return 0, 0, fmt.Errorf("the last of %d units was asked %d times in %v", units, asked, settleFor)
	}
	if _, err := fetch(addr, "/metrics"); err != nil {
		return 0, 0, err
	}
	return procKiB(r.pid(), "status", "VmRSS:"), cpu, nil
}
