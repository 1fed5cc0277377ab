package status

import "time"

// ModbusLine counts what happened on one Modbus line since the configuration
// was loaded.
type ModbusLine struct {
	Bus      string
	Requests uint64 // made; more than answers plus errors while one is under way
	Retries  uint64
	Resyncs  uint64 // frames passed over on the way to the answer: late ones, echoes
	Connects uint64 // connections, or ports, opened
	Errors   []ReasonCount
}

// ReasonCount is a number of errors of one kind.
type ReasonCount struct {
	Reason string // "timeout"
	N      uint64
}

// I2CBus counts what happened on one I2C bus since the configuration was
// loaded.
type I2CBus struct {
	Bus       string
	Transfers uint64 // ended, well or not; a repeated one counts once
	Retries   uint64 // attempts beyond the first, made by the bus itself
	Opens     uint64 // more than 1: the bus was opened anew
	Errors    []ReasonCount
	// Hangs is how long the transfer under way has been in the controller.
	Hangs time.Duration
}

func (m *scrape) i2cBus(b *I2CBus) {
	m.counter(b.Transfers, "i2c_transfers_total", "bus", b.Bus)
	m.counter(b.Retries, "i2c_retries_total", "bus", b.Bus)
	m.counter(b.Opens, "i2c_opens_total", "bus", b.Bus)
	m.gauge(b.Hangs.Seconds(), "i2c_transfer_underway_seconds", "bus", b.Bus)
	for _, e := range b.Errors {
		m.counter(e.N, "i2c_errors_total", "bus", b.Bus, "reason", e.Reason)
	}
}

func (m *scrape) modbusLine(l *ModbusLine) {
	m.counter(l.Requests, "modbus_requests_total", "bus", l.Bus)
	m.counter(l.Retries, "modbus_retries_total", "bus", l.Bus)
	m.counter(l.Resyncs, "modbus_resync_total", "bus", l.Bus)
	m.counter(l.Connects, "modbus_connects_total", "bus", l.Bus)
	for _, e := range l.Errors {
		m.counter(e.N, "modbus_errors_total", "bus", l.Bus, "reason", e.Reason)
	}
}

// ModbusEar counts what was overheard on a line that another master polls,
// since the configuration was loaded.
type ModbusEar struct {
	Bus        string
	Bytes      uint64
	Understood uint64 // of Bytes: in frames whose part in the traffic is known
	Exchanges  uint64 // reads whose values were believed
	Opens      uint64 // times the port was opened
	Passed     []ReasonCount
}

func (m *scrape) modbusEar(e *ModbusEar) {
	m.counter(e.Bytes, "modbus_listen_bytes_total", "bus", e.Bus)
	m.counter(e.Understood, "modbus_listen_understood_bytes_total", "bus", e.Bus)
	if e.Bytes > 0 {
		m.gauge(float64(e.Understood)/float64(e.Bytes), "modbus_listen_understood_ratio", "bus", e.Bus)
	}
	m.counter(e.Exchanges, "modbus_listen_exchanges_total", "bus", e.Bus)
	m.counter(e.Opens, "modbus_listen_opens_total", "bus", e.Bus)
	for _, p := range e.Passed {
		m.counter(p.N, "modbus_listen_passed_total", "bus", e.Bus, "reason", p.Reason)
	}
}
