package devices

import (
	"slices"
	"testing"

	"iot-edge-anomaly/drivers/sim/i2csim"
)

// Each driver that an identifier names can be told, and no other is said to be.
func TestIdentify(t *testing.T) {
	bus := i2csim.New("sim")
	var told []string
	for addr, chip := range map[uint16]i2csim.Chip{
		0x18: i2csim.NewTable(nil), 0x40: i2csim.NewINA219(0.1), 0x41: i2csim.NewINA226(0.1), 0x44: i2csim.NewSHT3x(), 0x45: i2csim.NewSHT4x(),
		0x48: i2csim.NewLM75(11), 0x49: i2csim.NewTMP117(), 0x4A: i2csim.NewADS1115(), 0x4B: i2csim.NewTMP102(),
		0x76: i2csim.NewBME280(), 0x77: i2csim.NewBMP280(),
	} {
		bus.Attach(addr, chip)
		if driver, _ := Identify(bus, addr); driver != "" {
			told = append(told, driver)
		}
	}
	slices.Sort(told)
	if !slices.Equal(told, slices.Sorted(slices.Values(identifiable))) {
		t.Errorf("identified %v, want %v", told, identifiable)
	}
}
