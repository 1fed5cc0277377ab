package modbus_test

import (
	"context"
	"fmt"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// A power meter read over TCP by a table of its registers. Two neighbouring
// registers are read in one request, the third in another; before them comes one that
// tells whether a gateway on the way is in step. The third holds the
// pattern that this meter sends if it has no value: its cell is NaN, and the error
// says so. The meter is a simulated one.
func Example() {
	var bank modbussim.Bank
	bank.SetInputFloat32(0, 231.5)
	bank.SetInput(2, 0xFFD6)
	bank.SetInput(100, 0x7FFF)
	server, err := modbussim.Listen("127.0.0.1:0", map[uint8]*modbussim.Bank{7: &bank})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	line := modbus.NewLine(modbus.Dial(server.Addr()), modbus.LineOptions{Mode: modbus.TCP})
	defer line.Close()
	meter, err := modbus.New(line, 7, []modbus.Register{
		{Name: "voltage", Quantity: drivers.Voltage, Table: modbus.Input, Address: 0, Type: modbus.F32, Scale: 1},
		{Name: "current", Quantity: drivers.Current, Table: modbus.Input, Address: 2, Type: modbus.I16, Scale: 0.1},
		{Name: "temperature", Quantity: drivers.Temperature, Table: modbus.Input, Address: 100, Type: modbus.I16, Scale: 0.1,
			Missing: []uint64{0x7FFF}},
	}, modbus.Options{MaxGap: 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	dst := make([]float64, len(meter.Channels()))
	err = meter.Read(context.Background(), dst)
	for i, c := range meter.Channels() {
		fmt.Printf("%s %.1f %s\n", c.Name, dst[i], c.Quantity.Unit)
	}
	fmt.Println("error:", err)
	fmt.Println("requests:", line.Stats().Requests)
	// Output:
	// voltage 231.5 V
	// current -4.2 A
	// temperature NaN °C
	// error: unit 7: input 100: temperature is 0x7fff, which means no value
	// requests: 3
}
