package bme280_test

import (
	"context"
	"fmt"

	"iot-edge-anomaly/drivers/bme280"
	"iot-edge-anomaly/drivers/sim/i2csim"
)

// One measurement of temperature, pressure and humidity. The bus is a simulated one;
// on a gateway it comes from package board.
func Example() {
	bus, chip := i2csim.New("sim"), i2csim.NewBME280()
	chip.Set(23, 98_250, 41)
	bus.Attach(0x76, chip)

	d, err := bme280.New(bus, bme280.Options{Address: 0x76, Oversampling: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	dst := make([]float64, len(d.Channels()))
	if err := d.Read(context.Background(), dst); err != nil {
		fmt.Println(err)
		return
	}
	for i, c := range d.Channels() {
		fmt.Printf("%s %.0f %s\n", c.Name, dst[i], c.Quantity.Unit)
	}
	// Output:
	// temperature 23 °C
	// pressure 98250 Pa
	// humidity 41 %
}
