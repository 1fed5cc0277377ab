package main

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"iot-edge-anomaly/drivers/sim/modbussim"
)

// nacks loses single transfers for a while. Each reading is right or missing, and
// single losses raise no event.
func nacks(t *trial) error {
	const want = 4
	f := &flaky{Chip: t.plant.cabinet, every: 20}
	t.plant.bus.Attach(cabinetAddr, f)
	defer t.plant.bus.Attach(cabinetAddr, t.plant.cabinet)
	wrong := ""
	err := t.await(fmt.Sprintf("%d lost transfers", want), askedEvery, func() (bool, string) {
		now, err := t.metrics()
		if err != nil {
			return false, err.Error()
		}
		for channel, is := range map[string]float64{"cabinet.temperature": 20, "cabinet.pressure": 101_325, "cabinet.humidity": 50} {
			if v := now[value("climate", channel)]; !math.IsNaN(v) && math.Abs(v-is) > is/1000 {
				wrong = fmt.Sprintf("%s is %g, want %g or nothing", channel, v, is)
			}
		}
		return wrong != "" || f.lost.Load() >= want, fmt.Sprint(f.lost.Load())
	})
	if err == nil && wrong != "" {
		err = errors.New(wrong)
	}
	return err
}

func removal(t *trial) error {
	mark := t.mark()
	t.plant.bus.Detach(cabinetAddr)
	e, err := t.awaitEvent(mark, "sensor_fault", "cabinet", "open")
	if err != nil {
		return err
	}
	if !strings.Contains(e.Detail, "0x76") {
		return fmt.Errorf("the event does not name the chip: %q", e.Detail)
	}
	if err := t.awaitMetric(value("climate", "cabinet.temperature"), "the removed chip's value to be missing", math.IsNaN); err != nil {
		return err
	}
	// The chip that comes back has lost its register settings.
	t.plant.cabinet.PowerCycle()
	t.plant.cabinet.Set(27, 98_000, 61)
	t.plant.bus.Attach(cabinetAddr, t.plant.cabinet)
	if _, err := t.awaitEvent(mark, "sensor_fault", "cabinet", "close"); err != nil {
		return err
	}
	return t.awaitValue("climate", "cabinet.temperature", 27, 0.02)
}

// checksum corrupts what the humidity sensor sends.
func checksum(t *trial) error {
	mark := t.mark()
	t.plant.room.CorruptCRC(0, -1)
	defer t.plant.room.CorruptCRC(0, 0)
	e, err := t.awaitEvent(mark, "sensor_fault", "room", "open")
	if err != nil {
		return err
	}
	if !strings.Contains(strings.ToLower(e.Detail), "crc") && !strings.Contains(e.Detail, "checksum") {
		return fmt.Errorf("the event does not name the checksum: %q", e.Detail)
	}
	if err := t.awaitMetric(value("climate", "room.temperature"), "the corrupt value to be missing", math.IsNaN); err != nil {
		return err
	}
	t.plant.room.CorruptCRC(0, 0)
	if _, err := t.awaitEvent(mark, "sensor_fault", "room", "close"); err != nil {
		return err
	}
	return t.awaitValue("climate", "room.temperature", 20, 0.01)
}

// rtuChecksum lets every answer on the RS-485 line have a flipped bit.
func rtuChecksum(t *trial) error {
	mark := t.mark()
	t.plant.rtu.SetFault(modbussim.Fault{Lie: modbussim.WrongCRC, Seed: 1})
	defer t.plant.rtu.SetFault(modbussim.Fault{})
	e, err := t.awaitEvent(mark, "sensor_fault", "meter", "open")
	if err != nil {
		return err
	}
	if !strings.Contains(e.Detail, "CRC") {
		return fmt.Errorf("the event does not name the checksum: %q", e.Detail)
	}
	if err := t.awaitMetric(value("climate", "meter.power"), "the corrupt value to be missing", math.IsNaN); err != nil {
		return err
	}
	t.plant.rtu.SetFault(modbussim.Fault{})
	if _, err := t.awaitEvent(mark, "sensor_fault", "meter", "close"); err != nil {
		return err
	}
	return t.awaitValue("climate", "meter.power", 50, 0.001)
}

func unplug(t *trial) error {
	mark, before := t.mark(), t.plant.adapter.Imports()
	t.allowAdapterFaults()
	t.plant.adapter.Unplug()
	if _, err := t.awaitEvent(mark, "bus_fault", "adapter", "open"); err != nil {
		return err
	}
	t.plant.adapter.Plug()
	if _, err := t.awaitEvent(mark, "bus_fault", "adapter", "close"); err != nil {
		return err
	}
	if n := t.plant.adapter.Imports(); n <= before {
		return fmt.Errorf("the adapter was attached %d times, want more than %d", n, before)
	}
	return t.awaitValue("climate", "cabinet.temperature", 27, 0.02)
}
