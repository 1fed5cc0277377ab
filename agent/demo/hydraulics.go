package demo

import "math"

// The pump at its nominal speed, and the pipe that it feeds. At 50 Hz with the valve
// fully open the two curves cross at 40 m³/h and 45 m.
const (
	nominalHz     = 50.0
	shutoffHead   = 60.0             // m, at no flow
	pumpDroop     = 15.0 / (40 * 40) // m/(m³/h)², fall of the pump's head with flow
	staticHead    = 15.0             // m, from the pump to the consumers
	pipeLoss      = 30.0 / (40 * 40) // m/(m³/h)², of the pipe with the valve open
	barPerMetre   = 0.0980665        // of a water column
	inletPressure = 0.8              // bar
)

// The motor: 400 V, three phases.
const (
	idlePower     = 3.2   // kW at nominal speed and no flow
	powerPerFlow  = 0.095 // kW per m³/h at nominal speed
	ampsPerKW     = 1.92  // 1/(√3 · 0.4 kV · power factor 0.84 · efficiency 0.895)
	magnetisation = 3.6   // A, reactive
)

// operatingPoint returns the point at which the pump curve at speed hz meets the system
// curve.
//
// By the affinity laws the head of the pump is shutoffHead·s² − pumpDroop·Q²
// with s = hz/nominalHz; the system needs staticHead + pipeLoss/valve²·Q². Below the
// speed that lifts the static head the check valve is shut and nothing flows. valve is
// the opening in (0, 1], suction the share of the pump's head that remains when it
// draws air.
//
// Worked value: operatingPoint(50, 1, 1) = 40 m³/h, 45 m.
func operatingPoint(hz, valve, suction float64) (flow, head float64) {
	s := hz / nominalHz
	lift := shutoffHead*s*s*suction - staticHead
	if lift <= 0 {
		return 0, staticHead
	}
	flow = math.Sqrt(lift / (pumpDroop + pipeLoss/(valve*valve)))
	return flow, shutoffHead*s*s*suction - pumpDroop*flow*flow
}

// motorCurrent returns the current of the pump motor in ampere at speed hz and flow in
// m³/h; air is the share of the water that is missing in the pump. Shaft
// power follows the cube of the speed; at constant V/f the voltage follows the
// speed, so the current follows the torque.
func motorCurrent(hz, flow, air float64) float64 {
	if hz <= 0 {
		return 0
	}
	s := hz / nominalHz
	torque := (idlePower + powerPerFlow*flow/s) * s * s * (1 - 0.7*air)
	return math.Hypot(magnetisation, ampsPerKW*torque)
}
