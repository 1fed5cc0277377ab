package status

import (
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/sampler"
)

// fieldTable are the metrics of sensors and of what they hang on: the middle of table.
var fieldTable = []section{
	{"Sensors", []metric{
		{name: "sensor_value", kind: gauge, labels: labels("machine", "channel"),
			help:    "Newest value in the channel's unit; NaN unless its quality is good.",
			meaning: "For trends and dashboards.",
			collect: perChannel(func(m *machine.Status, channel int) float64 { return m.Values[channel] })},
		{name: "sensor_quality", kind: gauge, labels: labels("machine", "channel"),
			help:    "Quality of the newest value: 1 good, 3 suspect, 4 bad, 7 stale, 9 missing.",
			meaning: "Anything but 1 is not scored. See docs/quality.md; the page and /api/v1/state give the reason.",
			collect: perChannel(func(m *machine.Status, channel int) float64 { return float64(m.Quality[channel]) })},
		{name: "sensor_flags_total", kind: counter, labels: labels("machine", "sensor", "quality"),
			help:    "Values of the sensor in the machine's rows, by quality: good, suspect, bad, stale or missing.",
			meaning: "The share that is not good says how much of the sensor's data the model cannot use.",
			collect: func(s *scrape, put put) {
				for i := range s.Machines {
					for _, f := range s.Machines[i].Sampling.Flags {
						put(float64(f.N), s.Machines[i].Name, f.Sensor, f.Quality.String())
					}
				}
			}},
		{name: "sensor_reads_total", kind: counter, labels: labels("bus", "sensor"),
			help:    "Reads of the sensor, successful or not.",
			meaning: "Divide sensor_read_errors_total by it for the error rate.",
			collect: perSensor(func(r *sampler.Reading) uint64 { return r.Reads })},
		{name: "sensor_read_errors_total", kind: counter, labels: labels("bus", "sensor", "reason"),
			help:    "Reads that failed, by reason: timeout (no answer), bus (the shared line), device (an error or a wrong answer from the device), panic (a fault of the driver).",
			meaning: "timeout: check supply and address; bus: check cable and adapter; device: check the configuration; panic: report it.",
			collect: func(s *scrape, put put) {
				for j, reason := range sampler.Reasons {
					perSensor(func(r *sampler.Reading) uint64 { return r.Errors[j] })(s, func(v float64, labels ...string) { put(v, append(labels, reason)...) })
				}
			}},
		{name: "sensor_last_good_timestamp_seconds", kind: gauge, labels: labels("bus", "sensor"),
			help:    "End of the newest read that brought a value, in seconds since 1970; 0 before the first.",
			meaning: "`time()` minus it is how long the sensor has been silent.",
			collect: perSensor(func(r *sampler.Reading) float64 { return seconds(r.LastGood) })},
		{name: "sensor_read_duration_seconds", kind: gauge, labels: labels("bus", "sensor"),
			help:    "Duration of the newest read.",
			meaning: "The reads of all sensors of a bus together must fit into the period.",
			collect: perSensor(func(r *sampler.Reading) float64 { return r.Latency.Seconds() })},
	}},

	{"Buses", []metric{
		{name: "bus_overruns_total", kind: counter, labels: labels("bus"),
			help:    "Reads skipped because the one before took longer than the period.",
			meaning: "When it rises steadily, give the sensors of the bus a longer period or a shorter timeout.",
			collect: perBus(func(b *sampler.BusStats) uint64 { return b.Overruns })},
		{name: "bus_panics_total", kind: counter, labels: labels("bus"),
			help:    "Panics of drivers on the bus, each confined to its sensor.",
			meaning: "Any is a fault of the program: report it with the stack trace from the log.",
			collect: perBus(func(b *sampler.BusStats) uint64 { return b.Panics })},
	}},

	{"Modbus", []metric{
		{name: "modbus_requests_total", kind: counter, labels: labels("bus"),
			help:    "Requests made on the bus, attempts to connect included.",
			meaning: "It stands still while a connection that failed is left alone.",
			collect: perModbus(func(n *devices.ModbusStats) int64 { return n.Requests })},
		{name: "modbus_retries_total", kind: counter, labels: labels("bus"),
			help:    "Requests made a second time at once.",
			meaning: "Many on a serial line mean noise: check termination, bias resistors and shield.",
			collect: perModbus(func(n *devices.ModbusStats) int64 { return n.Retries })},
		{name: "modbus_resync_total", kind: counter, labels: labels("bus"),
			help:    "Frames skipped on the way to an answer: late answers and echoes.",
			meaning: "Late answers mean that `timeout` is too short for a device; docs/modbus.md says what they cost.",
			collect: perModbus(func(n *devices.ModbusStats) int64 { return n.Resyncs })},
		{name: "modbus_out_of_step_total", kind: counter, labels: labels("bus"),
			help:    "Over TCP: answers that belong to an earlier request, or may; their values are missing or suspect.",
			meaning: "The gateway gives late answers to the next request. Give it, and the bus, a longer timeout; restart a gateway that stays behind.",
			collect: perModbus(func(n *devices.ModbusStats) int64 { return n.Unmatched })},
		{name: "modbus_foreign_frames_total", kind: counter, labels: labels("bus"),
			help:    "On serial lines and serial servers: requests of another master, and answers to them.",
			meaning: "Any is a fault of the wiring: two masters share a line. Use `listen=true`, or give each its own line.",
			collect: perModbus(func(n *devices.ModbusStats) int64 { return n.Foreign })},
		{name: "modbus_connects_total", kind: counter, labels: labels("bus"),
			help:    "Connections made, or serial ports opened.",
			meaning: "When it rises steadily, the device closes the connection or the adapter is unplugged again and again.",
			collect: perModbus(func(n *devices.ModbusStats) int64 { return n.Connects })},
		{name: "modbus_errors_total", kind: counter, labels: labels("bus", "reason"),
			help:    "Requests that brought no values, by reason: timeout, frame (length, checksum or function), exception, hangup, connect, refused (not a read, so it was not sent).",
			meaning: "timeout: device or wiring; frame: noise or wrong baud rate and parity; exception: a register that the device does not have; hangup and connect: network, port or too many clients.",
			collect: modbusErrors},
	}},

	{"Modbus, listening", []metric{
		{name: "modbus_listen_bytes_total", kind: counter, labels: labels("bus"),
			help:    "Bytes overheard on the line.",
			meaning: "When it stands still, the other master does not poll or the wires are not connected.",
			collect: perListener(func(n *devices.Heard) int64 { return n.Bytes })},
		{name: "modbus_listen_understood_bytes_total", kind: counter, labels: labels("bus"),
			help:    "Overheard bytes that belong to frames whose part in the traffic is known.",
			meaning: "Divide its rate by that of modbus_listen_bytes_total for the present share.",
			collect: perListener(func(n *devices.Heard) int64 { return n.Understood })},
		{name: "modbus_listen_understood_ratio", kind: gauge, labels: labels("bus"),
			help:    "Share of the overheard bytes that was understood, 0 to 1.",
			meaning: "Below 0.99 check baud rate, parity and noise. Absent before the first byte.",
			collect: func(s *scrape, put put) {
				for i := range s.Heard {
					if n := &s.Heard[i]; n.Bytes > 0 {
						put(n.Share(), n.Bus)
					}
				}
			}},
		{name: "modbus_listen_exchanges_total", kind: counter, labels: labels("bus"),
			help:    "Reads of the other master whose values were used.",
			meaning: "When it stands still, no value of the bus is renewed.",
			collect: perListener(func(n *devices.Heard) int64 { return n.Exchanges })},
		{name: "modbus_listen_opens_total", kind: counter, labels: labels("bus"),
			help:    "Times that the serial port was opened.",
			meaning: "When it rises, the adapter is unplugged again and again.",
			collect: perListener(func(n *devices.Heard) int64 { return n.Opens })},
		{name: "modbus_listen_passed_total", kind: counter, labels: labels("bus", "reason"),
			help:    "Overheard traffic that brought no value, by reason: exception, write, foreign (another function), unanswered, unpaired, ambiguous, noise.",
			meaning: "unanswered: a device is dead; unpaired and ambiguous: answers that could not be assigned safely; noise: check baud rate, parity and wiring.",
			collect: listenPassed},
	}},

	{"I2C", []metric{
		{name: "i2c_transfers_total", kind: counter, labels: labels("bus"),
			help:    "Transfers that ended, successful or not; a repeated one counts once.",
			meaning: "Divide i2c_errors_total by it for the error rate.",
			collect: perI2C(func(n *devices.I2CStats) uint64 { return n.Transfers })},
		{name: "i2c_retries_total", kind: counter, labels: labels("bus"),
			help:    "Attempts at a transfer beyond the first.",
			meaning: "Many mean long or disturbed wires, weak pull-up resistors or too fast a bus.",
			collect: perI2C(func(n *devices.I2CStats) uint64 { return n.Retries })},
		{name: "i2c_opens_total", kind: counter, labels: labels("bus"),
			help:    "Times that the bus was opened.",
			meaning: "More than 1 means that the bus was reopened after many errors or after its adapter was unplugged.",
			collect: perI2C(func(n *devices.I2CStats) uint64 { return n.Opens })},
		{name: "i2c_errors_total", kind: counter, labels: labels("bus", "reason"),
			help:    "Transfers that failed, by reason: no_answer, stuck, gone (the adapter), open (the bus cannot be opened), other.",
			meaning: "no_answer: wiring, address, or a chip that is still measuring; stuck: a chip holds a wire low, switch the supply off and on; gone: the adapter was unplugged; open: driver or permissions.",
			collect: func(s *scrape, put put) {
				for i := range s.I2C {
					for j, reason := range devices.I2CReasons {
						put(float64(s.I2C[i].Errors[j]), s.I2C[i].Bus, reason)
					}
				}
			}},
		{name: "i2c_transfer_underway_seconds", kind: gauge, labels: labels("bus"),
			help:    "How long the present transfer has been in the controller; 0 when there is none.",
			meaning: "Above some seconds the controller hangs and its sensors bring no values.",
			collect: perI2C(func(n *devices.I2CStats) float64 { return n.Underway.Seconds() })},
	}},
}
