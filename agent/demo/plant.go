package demo

import (
	"math"
	"math/rand/v2"
	"time"
)

// Values is what the instruments of the station show.
type Values struct {
	Speed       float64 // Hz, output of the frequency converter
	Current     float64 // A, motor
	Pressure    float64 // bar, after the check valve
	Flow        float64 // m³/h
	Vibration   float64 // mm/s RMS, motor bearing
	FluidTemp   float64 // °C
	BearingTemp float64 // °C

	CabinetTemp     float64 // °C
	CabinetPressure float64 // Pa
	CabinetHumidity float64 // % relative
	SupplyVoltage   float64 // V, nominal 24
	SupplyCurrent   float64 // A
}

// step is the step of the plant's clock.
const step = 100 * time.Millisecond

// Ramps and time constants of the plant, in seconds of its own clock.
const (
	rampHzPerSecond = 12.0
	flowInertia     = 1.5
	motorInertia    = 250.0
	bearingInertia  = 60.0
	fluidInertia    = 12.0
	stopFor         = 16.0
	faultEnds       = 15.0 // until a full fault has gone
)

// The converter's limits of the speed, Hz. The demand reaches both within each of its
// longer periods, so a few minutes show the whole range.
const lowestDemand, highestDemand = 39.0, 47.0

// Plant is the simulated pump station: one motor-driven pump, its pipe, its
// instruments and the cabinet beside it. The same seed gives the same history.
//
// A Plant is not safe for concurrent use.
type Plant struct {
	noise *rand.Rand // of process and instruments, a fixed number of draws per step
	plan  *rand.Rand // of stops and starts

	now     float64       // s since the beginning
	pending time.Duration // passed since the last step
	faults  map[Fault]*faultState
	running bool
	change  float64 // when the pump next stops or starts, s

	speed, flow, pressure     float64 // Hz, m³/h, bar
	motor, friction, fluid    float64 // °C; friction is the heat that wear adds to the bearing
	demandWander, valveWander float64 // slow noise around the demand, the consumers' valves
	values                    Values
}

// faultState is how far a fault has developed and how far it will, both 0..1, above 1
// for a worse one.
type faultState struct{ severity, target, rises, falls float64 }

// NewPlant returns a station that has run long enough to be warm.
func NewPlant(seed uint64) *Plant {
	p := &Plant{
		noise:   rand.New(rand.NewPCG(seed, 1)),
		plan:    rand.New(rand.NewPCG(seed, 2)),
		faults:  map[Fault]*faultState{},
		running: true,
		speed:   43, motor: 52.5, fluid: 14,
	}
	for _, f := range Faults() {
		state := &faultState{rises: math.Inf(1), falls: math.Inf(1)} // of a switch
		if f.Rise > 0 {
			state.rises, state.falls = 1/f.Rise.Seconds(), 1/faultEnds
		}
		p.faults[f.Fault] = state
	}
	p.change = 140 + 40*p.plan.Float64()
	p.flow, _ = operatingPoint(p.speed, 0.9, 1)
	p.advance()
	return p
}

// SetFault makes a fault grow or shrink to the given severity at its own pace: 0 is
// none, 1 is what the demonstration shows. An unknown fault or a severity that is not
// a number is ignored.
func (p *Plant) SetFault(f Fault, severity float64) {
	if s, ok := p.faults[f]; ok && severity >= 0 && !math.IsInf(severity, 0) {
		s.target = severity
	}
}

// Severity returns how far a fault has developed.
func (p *Plant) Severity(f Fault) float64 {
	if s, ok := p.faults[f]; ok {
		return s.severity
	}
	return 0
}

// Step lets dt of the plant's clock pass. What happens does not depend on how a span is
// divided into calls.
func (p *Plant) Step(dt time.Duration) {
	for p.pending += max(dt, 0); p.pending >= step; p.pending -= step {
		p.advance()
	}
}

// Values returns what the instruments show now.
func (p *Plant) Values() Values { return p.values }

// Running reports whether the pump is switched on.
func (p *Plant) Running() bool { return p.running }

// advance lets one step pass.
func (p *Plant) advance() {
	const dt = float64(step) / float64(time.Second)
	p.now += dt
	for _, s := range p.faults {
		s.severity += min(max(s.target-s.severity, -s.falls*dt), s.rises*dt)
	}
	p.schedule()
	p.pump(dt)
	p.measure()
}

// schedule stops the pump now and then, as if a tank were full.
func (p *Plant) schedule() {
	if p.now < p.change {
		return
	}
	p.running = !p.running
	if p.running {
		p.change = p.now + 260 + 80*p.plan.Float64()
	} else {
		p.change = p.now + stopFor
	}
}

// pump advances speed, water and heat by dt seconds.
func (p *Plant) pump(dt float64) {
	p.demandWander = wander(p.demandWander, 0.2, 10, dt, p.noise)
	p.valveWander = wander(p.valveWander, 0.006, 9, dt, p.noise)
	target := 43 + 3.9*wave(p.now, 150, 0.1) + 0.4*wave(p.now, 31, 0.6) + p.demandWander
	target = min(max(target, lowestDemand), highestDemand)
	if p.running {
		p.speed += min(max(target-p.speed, -rampHzPerSecond*dt), rampHzPerSecond*dt)
	} else {
		p.speed = 0 // the converter's output is off and the pump coasts
	}
	air := min(p.Severity(DryRunning), 1)
	valve := 0.84 + 0.025*(target-43) + 0.02*wave(p.now, 53, 0.3) + p.valveWander
	valve *= 1 - 0.75*min(p.Severity(BlockedValve), 1.2)
	flow, _ := operatingPoint(p.speed, max(valve, 0.02), 1-0.5*air)
	p.flow += (flow*(1-0.3*air) - p.flow) * dt / flowInertia
	p.pressure = inletPressure*(1-air) + barPerMetre*p.head(air)

	wear, s := p.Severity(BearingWear), p.speed/nominalHz
	p.motor += (22 + 42*s*s - p.motor) * dt / motorInertia
	p.friction += (18*wear*s + 6*air*s - p.friction) * dt / bearingInertia
	cool := 12.5 + 45/max(p.flow, 20) // the longer the water stays in the pump, the warmer
	p.fluid += (cool - p.fluid) * dt / fluidInertia
}

// head returns the pump's head in m at the present flow.
func (p *Plant) head(air float64) float64 {
	s := p.speed / nominalHz
	return max(staticHead*(1-0.4*air), shutoffHead*s*s*(1-0.5*air)-pumpDroop*p.flow*p.flow)
}

// measure reads every instrument with its noise.
func (p *Plant) measure() {
	n := func(sd float64) float64 { return sd * p.noise.NormFloat64() }
	s, air, wear := p.speed/nominalHz, min(p.Severity(DryRunning), 1), p.Severity(BearingWear)
	rough := 2.1*s*s + 0.25 + 1.6*wear*s + 1.2*air*s
	v := Values{
		Speed:       p.speed,
		Current:     max(0, motorCurrent(p.speed, p.flow, air)*(1+0.04*wear)+n(0.06)),
		Pressure:    p.pressure + n(0.015),
		Flow:        max(0, p.flow+n(0.15)),
		Vibration:   rough * math.Exp(n(0.02)),
		FluidTemp:   p.fluid + n(0.03),
		BearingTemp: p.motor + p.friction + n(0.05),

		CabinetTemp:     31 + 1.5*wave(p.now, 140, 0.2) + n(0.05),
		CabinetPressure: 100_800 + 25*wave(p.now, 211, 0.7) + n(3),
		CabinetHumidity: 38 - 2*wave(p.now, 140, 0.2) + n(0.15),
		SupplyVoltage:   24.1 + n(0.02),
		SupplyCurrent:   0.62 + 0.05*wave(p.now, 61, 0) + n(0.005),
	}
	if p.Severity(StuckSensor) > 0 {
		v.Flow = p.values.Flow
	}
	p.values = v
}

// wave returns a sine of the given period in seconds, phase in turns.
func wave(t, period, phase float64) float64 {
	return math.Sin(2 * math.Pi * (t/period + phase))
}

// wander advances slow noise x by dt seconds: its time constant is tau, and its
// standard deviation stays sd.
func wander(x, sd, tau, dt float64, r *rand.Rand) float64 {
	keep := math.Exp(-dt / tau)
	return x*keep + sd*math.Sqrt(1-keep*keep)*r.NormFloat64()
}
