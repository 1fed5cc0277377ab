package drivers_test

import (
	"context"
	"fmt"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/lm75"
	"iot-edge-anomaly/drivers/sim/i2csim"
)

// A sensor is read through the interface. Here its chip is a simulated LM75; on a
// gateway the bus comes from package board. If the chip is unplugged, its cell is
// NaN and the error says why. Once it is back, the next Read delivers values again.
func ExampleSensor() {
	bus, chip := i2csim.New("sim"), i2csim.NewLM75(11)
	chip.Set(21.5)
	bus.Attach(0x48, chip)

	var s drivers.Sensor
	s, err := lm75.New(bus, lm75.Options{Address: 0x48})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()

	read := func() {
		dst := make([]float64, len(s.Channels()))
		err := s.Read(context.Background(), dst)
		for i, c := range s.Channels() {
			fmt.Println(c.Name, dst[i], c.Quantity.Unit)
		}
		if err != nil {
			fmt.Println("error:", err)
		}
	}
	read()
	bus.Detach(0x48)
	read()
	bus.Attach(0x48, chip)
	read()
	// Output:
	// temperature 21.5 °C
	// temperature NaN °C
	// error: lm75 at 0x48: reading configuration: sim address 0x48: no such device or address
	// temperature 21.5 °C
}
