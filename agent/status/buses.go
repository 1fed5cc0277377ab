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
