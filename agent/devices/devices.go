package devices

import (
	"errors"
	"fmt"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers"
)

// Infos is what package config must know of every driver of this binary, by the
// driver's name in the configuration. The map is the caller's.
func Infos() map[string]config.DriverInfo {
	out := map[string]config.DriverInfo{}
	for _, e := range entries {
		out[e.name] = e.info
	}
	return out
}

// Sensors makes every sensor of the configuration, in the configuration's order,
// on its buses. It touches no hardware, apart from recordings, which it opens. An
// error means that the configuration does not fit a driver; it is a
// config.Refusal, and no sensor is left open. The caller closes the sensors before
// the buses.
func Sensors(c *config.Config, buses *Buses) ([]drivers.Sensor, error) {
	return SensorsBeside(c, buses, nil)
}

// SensorsBeside makes the sensors of the configuration as Sensors does, but for those
// that there are already, which it takes from kept by their names.
func SensorsBeside(c *config.Config, buses *Buses, kept map[string]drivers.Sensor) ([]drivers.Sensor, error) {
	var out, made []drivers.Sensor
	for _, sc := range c.Sensors {
		if s := kept[sc.Name]; s != nil {
			out = append(out, s)
			continue
		}
		s, err := sensor(sc, buses.of(sc))
		if err != nil {
			return nil, config.Refuse(errors.Join(fmt.Errorf("sensor %s: %w", sc.Name, err), CloseSensors(made)))
		}
		out, made = append(out, s), append(made, s)
	}
	return out, nil
}

// sensor makes one sensor on its bus.
func sensor(c config.Sensor, b bus) (drivers.Sensor, error) {
	e := find(c.Driver)
	if e == nil {
		return nil, fmt.Errorf("driver %q: unknown", c.Driver)
	}
	return e.make(c, b)
}

// CloseSensors closes all sensors and joins their errors.
func CloseSensors(sensors []drivers.Sensor) error {
	var errs []error
	for _, s := range sensors {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
