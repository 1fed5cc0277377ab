package board

import (
	"fmt"

	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"

	_ "periph.io/x/host/v3/gpioioctl" // the kernel's GPIO character devices
)

// OpenPin finds a GPIO line by the name that the device tree gives it
// ("GPIO17"); a bare number N is GPIO<N>.
func OpenPin(name string) (Pin, error) {
	if _, err := driverreg.Init(); err != nil {
		return nil, fmt.Errorf("open GPIO line %s: %w", name, err)
	}
	for _, n := range []string{name, "GPIO" + name} {
		if p := gpioreg.ByName(n); p != nil {
			return linePin{p}, nil
		}
	}
	return nil, fmt.Errorf("open GPIO line %s: no line has this name: gpioinfo lists them", name)
}

type linePin struct{ p gpio.PinOut }

func (l linePin) Set(high bool) error { return l.p.Out(gpio.Level(high)) }
