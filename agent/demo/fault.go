package demo

import (
	"fmt"
	"time"
)

// Fault is the name of something that can go wrong with the station.
type Fault string

// The faults. Each tells which channels move, and which the agent should
// blame.
const (
	// BlockedValve closes the valve behind the pump within three seconds of the
	// plant's fast clock: pump.flow falls, pump.pressure rises, drive.current
	// falls. To blame: pump.flow, then pump.pressure.
	BlockedValve Fault = "blocked_valve"
	// BearingWear roughens the motor's bearing: pump.vibration rises, then
	// bearing.temperature, and drive.current a little. To blame: pump.vibration,
	// then bearing.temperature.
	BearingWear Fault = "bearing_wear"
	// DryRunning lets the pump draw air: pump.flow and pump.pressure fall,
	// drive.current falls, pump.vibration rises. To blame: pump.flow,
	// pump.pressure or drive.current.
	DryRunning Fault = "dry_running"
	// StuckSensor freezes the flow transmitter: pump.flow keeps its value while
	// speed and demand go on. To blame: pump.flow.
	StuckSensor Fault = "stuck_sensor"
	// DeadSlave silences the Modbus unit of the transmitters. Its channels go
	// missing: an event about the instrument, never a process anomaly.
	DeadSlave Fault = "dead_slave"
)

// FaultInfo describes a fault to people and to the script.
type FaultInfo struct {
	Fault  Fault
	Begins string        // what the plant says when it starts
	Ends   string        // and when it is gone
	Rise   time.Duration // of the plant's clock, from nothing to its whole severity
	Blame  []string      // channels of which one should lead the event; none for an instrument's fault
}

// Faults lists every fault in the order in which the script plays them.
func Faults() []FaultInfo {
	return []FaultInfo{
		{BlockedValve, "valve behind the pump begins to close", "valve is open again", 40 * time.Second,
			[]string{"pump.flow", "pump.pressure"}},
		{BearingWear, "motor bearing begins to wear", "bearing was replaced", 80 * time.Second,
			[]string{"pump.vibration", "bearing.temperature"}},
		{DryRunning, "suction pipe draws air, the pump runs dry", "suction pipe is tight again", 30 * time.Second,
			[]string{"pump.flow", "pump.pressure", "drive.current"}},
		{StuckSensor, "flow transmitter hangs: its value stays as it is", "flow transmitter was restarted", 0,
			[]string{"pump.flow"}},
		{DeadSlave, "Modbus unit 2 (transmitters) falls silent", "Modbus unit 2 answers again", 0, nil},
	}
}

// ParseFault finds a fault by its name.
func ParseFault(name string) (FaultInfo, error) {
	known := ""
	for _, f := range Faults() {
		if string(f.Fault) == name {
			return f, nil
		}
		known += " " + string(f.Fault)
	}
	return FaultInfo{}, fmt.Errorf("fault %q: unknown, have%s", name, known)
}
