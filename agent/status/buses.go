package status

// ModbusLine counts what happened on one Modbus line since the configuration
// was loaded.
type ModbusLine struct {
	Bus      string
	Requests uint64 // allowed; more than answers plus errors while one is under way
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

func (m *scrape) modbusLine(l *ModbusLine) {
	m.counter(l.Requests, "modbus_requests_total", "bus", l.Bus)
	m.counter(l.Retries, "modbus_retries_total", "bus", l.Bus)
	m.counter(l.Resyncs, "modbus_resync_total", "bus", l.Bus)
	m.counter(l.Connects, "modbus_connects_total", "bus", l.Bus)
	for _, e := range l.Errors {
		m.counter(e.N, "modbus_errors_total", "bus", l.Bus, "reason", e.Reason)
	}
}
