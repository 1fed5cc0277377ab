package demo

import (
	"fmt"
	"time"
)

// Fault is the name of something that can go wrong with the station.
type Fault string

// The faults. Each comment says which channels change, and which the agent should
// blame.
const (
	// BlockedValve closes the valve behind the pump within three seconds of the
	// plant's fast clock: pump.flow falls, pump.pressure rises, drive.current
	// falls. To blame: pump.flow, then pump.pressure.
	BlockedValve Fault = "blocked_valve"
	// BearingWear wears the motor's bearing: pump.vibration rises, then
	// bearing.temperature, and drive.current a little. To blame: pump.vibration,
	// then bearing.temperature.
	BearingWear Fault = "bearing_wear"
	// DryRunning lets the pump draw air: pump.flow and pump.pressure fall,
	// drive.current falls, pump.vibration rises. To blame: pump.flow,
	// pump.pressure or drive.current.
	DryRunning Fault = "dry_running"
	// StuckSensor freezes the flow transmitter: pump.flow keeps its value while
	// speed and demand change. To blame: pump.flow. A frozen value is wrong only once
	// the true one has moved away, so the script freezes it at low demand.
	StuckSensor Fault = "stuck_sensor"
	// DeadSlave silences the Modbus unit of the transmitters. Its channels are
	// missing, which is an event about the instrument and never a process anomaly.
	DeadSlave Fault = "dead_slave"
)

// FaultInfo describes a fault to people and to the script.
type FaultInfo struct {
	Fault  Fault
	Begins string        // what the plant says when it starts
	Ends   string        // and when it is gone
	Rise   time.Duration // from nothing to its full severity, by the plant's clock
	Lasts  time.Duration // in the script, by the wall clock
	Blame  []string      // channels of which one should be the top cause; none if the instrument fails visibly

	// When is the moment the script waits for; nil = any.
	When func(Values) bool
}

// lowDemand is the moment at which a flow that stays as it is will soon be farthest from
// the true one.
func lowDemand(v Values) bool { return v.Speed > 30 && v.Flow < 22.3 }

// Faults lists every fault in the order in which the script plays them.
func Faults() []FaultInfo {
	return []FaultInfo{
		{BlockedValve, "valve behind the pump begins to close", "valve is open again", 40 * time.Second, faultLasts,
			[]string{"pump.flow", "pump.pressure"}, nil},
		{BearingWear, "motor bearing begins to wear", "bearing was replaced", 80 * time.Second, faultLasts,
			[]string{"pump.vibration", "bearing.temperature"}, nil},
		{DryRunning, "suction pipe draws air, the pump runs dry", "suction pipe is tight again", 30 * time.Second, faultLasts,
			[]string{"pump.flow", "pump.pressure", "drive.current"}, nil},
		{StuckSensor, "flow transmitter hangs: its value stays as it is", "flow transmitter was restarted", 0, 18 * time.Second,
			[]string{"pump.flow"}, lowDemand},
		{DeadSlave, "Modbus unit 2 (transmitters) falls silent", "Modbus unit 2 answers again", 0, faultLasts, nil, nil},
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
