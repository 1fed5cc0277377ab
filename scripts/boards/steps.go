package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/scripts/boards/control"
)

// step is one behaviour that is tested on a board. A step leaves the plant as it
// found it.
type step struct {
	name string
	run  func(t *trial) error
}

// steps are in the order of a day: the board starts, it works, then chips, wires, the
// network and the power fail.
var steps = []step{
	{"kernel and agent start", starts},
	{"values through /dev/i2c-N, RS-485 and Modbus TCP", reads},
	{"the kernel's lm75 driver, read through hwmon", kernelReads},
	{"the kernel's bmp280 driver, read through iio", kernelAir},
	{"scan i2c: identifies chips by their ids, leaves the kernel's alone", scans},
	{"limits: what the chip was set to arrives at the broker", limits},
	{"every 20th transfer NACKed: values right or missing, no event", nacks},
	{"a chip removed, and back: sensor_fault", removal},
	{"an SHT31's words with a wrong CRC: missing, sensor_fault", checksum},
	{"Modbus RTU answers with a wrong CRC: missing, sensor_fault", rtuChecksum},
	{"the USB adapter unplugged, and back: bus_fault", unplug},
	{"the pump is learnt; a worn bearing opens an event, which closes again", anomaly},
	{"clock of 2000, then jumps of decades and hours: rows go on; set: times corrected", clockJumps},
	{"link cut: detection goes on, everything arrives in order", linkCut},
	{"power cut: queued events, open events and the model survive", powerCut},
	{"no missing sequence number, no unexpected event", complete},
}

const (
	roomTemp  = 21.5
	tolerance = 0.13 // °C: half a step of the coarsest chip, and float
)

// setOutside sets the chip that our lm75 driver reads, setKernels the chip that the
// kernel's driver reads: qemu's TMP105, or the simulated LM75 behind the adapter.
func (t *trial) setOutside(celsius float64) error {
	if t.board.header {
		return t.qmp.setTemperature("t1", celsius)
	}
	t.plant.outside.Set(celsius)
	return nil
}

func (t *trial) setKernels(celsius float64) error {
	if t.board.header {
		return t.qmp.setTemperature("t2", celsius)
	}
	t.plant.kernels.Set(celsius)
	return nil
}

func near(want, tolerance float64) func(float64) bool {
	return func(v float64) bool { return math.Abs(v-want) <= tolerance }
}

func value(machine, channel string) string {
	return fmt.Sprintf(`sensor_value{machine=%q,channel=%q}`, machine, channel)
}

func (t *trial) awaitValue(machine, channel string, want, tolerance float64) error {
	return t.awaitMetric(value(machine, channel), fmt.Sprintf("%s to be %g", channel, want), near(want, tolerance))
}

// starts switches the board on and waits until the agent reports on MQTT that it is
// online.
func starts(t *trial) error {
	if err := t.switchOn(); err != nil {
		return err
	}
	file := "/sys/class/i2c-dev/" + strings.TrimPrefix(t.board.adapter, "/dev/") + "/name"
	return t.await(t.board.adapter+" to be the USB adapter", askedEvery, func() (bool, string) {
		name, err := t.ask(control.Request{Read: file})
		return strings.Contains(name, "i2c-tiny-usb"), fmt.Sprintf("%q, error %v", name, err)
	})
}

func (t *trial) switchOn() error {
	mark, begin := t.mark(), time.Now()
	if err := t.powerOn(); err != nil {
		return err
	}
	// qemu's chips begin at 0 °C.
	if err := t.setOutside(roomTemp); err != nil {
		return err
	}
	if err := t.setKernels(roomTemp); err != nil {
		return err
	}
	err := t.await("the agent's birth message", heardEvery, func() (bool, string) {
		for _, m := range t.broker.heard.messages()[mark:] {
			if strings.HasSuffix(m.topic, "/status") && m.payload == "online" {
				return true, ""
			}
		}
		return false, "none"
	})
	up, _ := t.console.find("guest: up", time.Time{})
	t.booted = append(t.booted, up)
	t.online = append(t.online, time.Since(begin).Seconds())
	return err
}

func reads(t *trial) error {
	for _, v := range []struct{ outside, cabinet, pressure, humidity float64 }{{21.5, 23.4, 99_000, 41}, {-2.25, 35, 102_300, 78}, {roomTemp, 20, 101_325, 50}} {
		if err := t.setOutside(v.outside); err != nil {
			return err
		}
		t.plant.cabinet.Set(v.cabinet, v.pressure, v.humidity)
		t.plant.room.Set(v.cabinet, v.humidity)
		t.plant.meter.SetHoldingFloat32(0, float32(v.humidity))
		for _, c := range []struct {
			channel         string
			want, tolerance float64
		}{
			// qemu's TMP105 starts as a 9-bit chip: 0.5 °C.
			{"outside.temperature", v.outside, 0.26}, {"cabinet.temperature", v.cabinet, 0.02},
			{"cabinet.pressure", v.pressure, 1}, {"cabinet.humidity", v.humidity, 0.05},
			{"room.temperature", v.cabinet, 0.01}, {"room.humidity", v.humidity, 0.01},
			{"meter.power", v.humidity, 0.001},
		} {
			if err := t.awaitValue("climate", c.channel, c.want, c.tolerance); err != nil {
				return err
			}
		}
	}
	for channel, want := range map[string]float64{"pump.speed": 40, "pump.flow": 30, "pump.current": 8} {
		if err := t.awaitValue("pump", channel, want, want*0.1); err != nil {
			return err
		}
	}
	return nil
}

// kernelReads compares three values: what the chip was set to, what the kernel's
// driver shows in sysfs, and what the agent reads from there.
func kernelReads(t *trial) error {
	for _, want := range []float64{33.5, -12, roomTemp} {
		if err := t.setKernels(want); err != nil {
			return err
		}
		if err := t.awaitValue("climate", "kernels.temp1", want, tolerance); err != nil {
			return err
		}
		text, err := t.ask(control.Request{Read: hwmonFile})
		if err != nil {
			return err
		}
		var milli float64
		if _, err := fmt.Sscan(text, &milli); err != nil || !near(want, tolerance)(milli/1000) {
			return fmt.Errorf("%s says %q, want %g m°C", hwmonFile, text, want*1000)
		}
	}
	return nil
}

// kernelAir does the same with a chip of industrial I/O, which has other units.
func kernelAir(t *trial) error {
	for _, want := range []struct{ celsius, pascal, percent float64 }{{-7.5, 96_400, 83}, {41.25, 103_200, 12}, {20, 101_325, 50}} {
		t.plant.air.Set(want.celsius, want.pascal, want.percent)
		for _, c := range []struct {
			channel         string
			want, tolerance float64
		}{{"air.temp", want.celsius, 0.02}, {"air.pressure", want.pascal, 2}, {"air.humidityrelative", want.percent, 0.05}} {
			if err := t.awaitValue("climate", c.channel, c.want, c.tolerance); err != nil {
				return err
			}
		}
	}
	return nil
}

// scans runs a scan on the board while the agent reads the chips. A chip that is
// busy is found by the next scan.
func scans(t *trial) error {
	type chip struct {
		Address uint16
		State   string
		Kernel  string `json:"kernel_driver"`
		Driver  string
	}
	want := map[string][]chip{t.board.adapter: {{cabinetAddr, "present", "", "bme280"}, {roomAddr, "present", "", "sht3x"}, {airAddr, "kernel", "bmp280", ""}}}
	first := "/dev/i2c-0" // the chip with the kernel's driver is on the first bus
	want[first] = append(want[first], chip{outsideAddr, "present", "", ""}, chip{kernelsAddr, "kernel", "lm75", ""})
	for bus, chips := range want {
		err := t.await("each chip of "+bus, askedEvery, func() (bool, string) {
			out, err := t.ask(control.Request{Run: []string{"/bin/iot-edge-anomaly", "scan", "i2c", "--json", bus}})
			var found struct{ Chips []chip }
			if err == nil {
				err = json.Unmarshal([]byte(out), &found)
			}
			for _, c := range chips {
				if !slices.Contains(found.Chips, c) {
					return false, fmt.Sprintf("%s, error %v", out, err)
				}
			}
			return err == nil, ""
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// limits moves the chip beyond each limit and back, and checks the value in the
// event.
func limits(t *trial) error {
	for _, c := range []struct {
		value    float64
		severity string
	}{{45.5, "warning"}, {-10.5, "critical"}, {75, "critical"}} {
		mark := t.mark()
		if err := t.setOutside(c.value); err != nil {
			return err
		}
		e, err := t.awaitEvent(mark, "limit", "outside.temperature", "open")
		if err != nil {
			return err
		}
		if e.Quality != "unset" || !e.Time.IsZero() || e.Uptime <= 0 {
			return fmt.Errorf("the clock says 2000, event %+v: want no time, and the uptime", e)
		}
		if e.Severity != c.severity || len(e.Causes) != 1 || !near(c.value, tolerance)(e.Causes[0].Value) {
			return fmt.Errorf("chip at %g °C: event %+v, want severity %s and that value", c.value, e, c.severity)
		}
		if err := t.setOutside(roomTemp); err != nil {
			return err
		}
		if _, err := t.awaitEvent(mark, "limit", "outside.temperature", "close"); err != nil {
			return err
		}
	}
	return nil
}

// allowAdapterFaults permits the fault events of an adapter that disappears or
// hangs: those of its chips may open before that of the bus.
func (t *trial) allowAdapterFaults() {
	for _, e := range []string{"bus_fault adapter", "sensor_fault cabinet", "sensor_fault outside", "sensor_fault room", "sensor_fault kernels", "bus_fault kernels", "sensor_fault air", "bus_fault air"} {
		t.expected[e] = true
	}
}

func anomaly(t *trial) error {
	if err := t.awaitState("pump", "normal"); err != nil {
		return err
	}
	mark := t.mark()
	t.plant.worn.Store(true)
	e, err := t.awaitEvent(mark, "process_anomaly", "", "open")
	t.plant.worn.Store(false)
	if err != nil {
		return err
	}
	if e.Machine != "pump" || len(e.Causes) == 0 || e.Causes[0].Channel != "pump.current" {
		return fmt.Errorf("the worn bearing takes more current, and the event says %+v", e)
	}
	if _, err := t.awaitEvent(mark, "process_anomaly", "", "close"); err != nil {
		return err
	}
	t.model, err = t.modelSHA()
	return err
}

// modelSHA is the hash of the model that judges the pump.
func (t *trial) modelSHA() (string, error) {
	all, err := t.metrics()
	if err != nil {
		return "", err
	}
	for series := range all {
		if strings.HasPrefix(series, `model_info{machine="pump"`) {
			_, sha, _ := strings.Cut(series, `sha="`)
			return sha, nil
		}
	}
	return "", fmt.Errorf("no series model_info of the pump")
}
