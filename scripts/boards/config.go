package main

import "fmt"

// agentConfig is the configuration of a board's agent. The machine pump is learnt.
// The machine climate has limits only, so that the event of a limit carries exactly
// the value that a chip was set to.
func agentConfig(b *board, p *plant, mqtt string) []byte {
	outside, header := "adapter", ""
	if b.header {
		outside, header = "header", "  header:  {i2c: /dev/i2c-0}\n"
	}
	return fmt.Appendf(nil, `gateway: {site: boards, id: %s}
buses:
%s  adapter: {i2c: %s}
  plc:     {modbus: "tcp://10.0.2.2:%s", timeout: 1s}
  line:    {modbus: "rtu://%s?baud=19200&parity=even%s", timeout: 500ms}
sensors:
  - {name: outside, driver: lm75, bus: %s, address: 0x48, limits: {temperature: {alarm_low: -10, warn_low: -5, warn: 40, alarm: 60}}}
  - {name: cabinet, driver: bme280, bus: adapter, address: 0x76, limits: {temperature: {warn: 50}}}
  - {name: room, driver: sht3x, bus: adapter, address: 0x44}
  - {name: kernels, driver: hwmon, device: 0-0049, channels: [temp1]}
  - {name: air, driver: iio, device: bme280, channels: [temp, pressure, humidityrelative]}
  - name: pump
    driver: modbus
    bus: plc
    unit: %d
    registers:
      - {name: speed,   at: "input:0",     type: u16, scale: 0.1, unit: Hz}
      - {name: flow,    at: "input:1",     type: u16, scale: 0.01, unit: m3/h}
      - {name: current, at: "holding:100", type: f32, unit: A}
  - name: meter
    driver: modbus
    bus: line
    unit: %d
    registers:
      - {name: power, at: "holding:0", type: f32, unit: kW}
machines:
  - name: climate
    channels: ["outside.*", "cabinet.*", "room.*", "kernels.*", "air.*", "meter.*"]
    period: 250ms
    model: {learn: {when: never}}
    detect: {hold: 0s}
  - name: pump
    channels: ["pump.*"]
    period: 100ms
    model: {learn: {for: 15s, duty: 1}}
    detect: {open: 3 of 5, hold: 1s}
mqtt: {broker: "tcp://10.0.2.2:%s"}
http: {listen: "0.0.0.0:%d", insecure: true}    # this host's loopback forwards to it
`, b.name, header, b.adapter, port(p.pump.Addr()), b.tty, b.rs485, outside, pumpUnit, meterUnit, port(mqtt), guestHTTP)
}
