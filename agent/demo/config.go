package demo

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Topic is the topic below which the agent publishes with the station's configuration.
const Topic = "iot-edge-anomaly/demo/pump-station"

// Config returns the configuration file of an agent that watches the station. broker is
// the URL of the MQTT broker, empty for none; http is the address to serve the page
// on; state is the folder for everything that the agent keeps.
func (s *Station) Config(broker, http, state string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, head, s.ModbusAddr())
	for i, r := range s.regs {
		if i == 0 || s.regs[i-1].sensor != r.sensor {
			fmt.Fprintf(&b, "  - name: %s\n    driver: modbus\n    bus: plant\n    unit: %d\n    address_base: 1   # as the devices' manuals count\n    registers:\n", r.sensor, r.unit)
		}
		fmt.Fprintf(&b, "      - {name: %s, at: %q, type: %s%s, unit: %s, range: [%g, %g]}\n",
			r.name, r.at, r.kind, r.encoding(), r.physical, r.min, r.max)
	}
	fmt.Fprintf(&b, chips, bearingAddress, climateAddress, supplyAddress, strconv.FormatFloat(supplyShunt, 'g', -1, 64))
	b.WriteString(machines)
	fmt.Fprintf(&b, "# Everything the agent keeps: models, queue, learning rows.\nstate: %q\n\n", state)
	fmt.Fprintf(&b, "# iot-edge-anomaly status --config and this file's path asks the running agent.\ncontrol: {socket: %q}\n\n", filepath.Join(state, "control.sock"))
	if broker != "" {
		fmt.Fprintf(&b, "mqtt: {broker: %q, topic: \"iot-edge-anomaly/{site}/{device}\"}\n", broker)
	}
	fmt.Fprintf(&b, "http: {listen: %q}\nlog:  {level: error}   # the terminal shows the events themselves\n", http)
	return b.Bytes()
}

// encoding returns the keys of a register that not every register has.
func (r *register) encoding() string {
	var s strings.Builder
	if r.order != "" {
		fmt.Fprintf(&s, ", order: %s", r.order)
	}
	if r.scale != 1 {
		fmt.Fprintf(&s, ", scale: %g", r.scale)
	}
	return s.String()
}

const head = `# The pump station of the demonstration, configured as a real one would be.
# Only the speeds are unusual: the station's clock runs twenty times as fast
# as the wall's, so what takes a day of learning on a machine takes 25 s here.

gateway: {site: demo, id: pump-station}

buses:
  plant:  {modbus: "tcp://%s", timeout: 300ms}
  header: {i2c: auto}   # the board's own bus; simulated here

sensors:
`

const chips = `  - {name: bearing, driver: lm75, bus: header, address: 0x%x, limits: {temperature: {warn: 85, alarm: 95}}}
  - {name: cabinet, driver: bme280, bus: header, address: 0x%x}
  - {name: supply, driver: ina219, bus: header, address: 0x%x, shunt: %s}   # ohm

`

const machines = `machines:
  # The pump: what is normal is learnt while it runs. A pump that stands still
  # is neither learnt nor scored.
  - name: pump1
    channels: ["drive.*", "pump.*", "bearing.*"]
    period: 50ms
    run_when: {channel: drive.speed, above: 5, settle: 500ms}
    model: {learn: {for: 25s, when: no_model, duty: 1}}
    detect: {open: 3 of 5, close_below: 0.8, hold: 2s, repeats: 0s}   # the faults are the script's
  # The cabinet beside it changes slowly and is read slowly.
  - name: cabinet
    channels: ["cabinet.*", "supply.*"]
    period: 100ms
    model: {learn: {for: 25s, when: no_model, duty: 1}}
    detect: {open: 3 of 5, close_below: 0.8, hold: 2s, repeats: 0s}   # the faults are the script's

`
