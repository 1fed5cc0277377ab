// Command plc is a Modbus TCP device for scripts/systemd/trial.sh: unit 1 at
// 127.0.0.1:1502, whose first holding registers are 100 to 109.
package main

import (
	"fmt"
	"os"

	"iot-edge-anomaly/drivers/sim/modbussim"
)

func main() {
	var b modbussim.Bank
	for i := range 10 {
		b.SetHolding(i, uint16(100+i))
	}
	if _, err := modbussim.Listen("127.0.0.1:1502", map[uint8]*modbussim.Bank{1: &b}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}
