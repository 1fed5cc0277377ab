package demo

import (
	"math"
	"reflect"
	"testing"
	"time"
)

// channelsOf returns the values under the names of the configuration.
func channelsOf(v Values) map[string]float64 {
	return map[string]float64{
		"drive.speed": v.Speed, "drive.current": v.Current,
		"pump.pressure": v.Pressure, "pump.flow": v.Flow,
		"pump.vibration": v.Vibration, "pump.fluid_temperature": v.FluidTemp,
		"bearing.temperature": v.BearingTemp,
	}
}

// runningMean returns the mean of every channel while the pump runs, over a span of the
// plant's clock.
func runningMean(p *Plant, span time.Duration) map[string]float64 {
	sum, n := map[string]float64{}, 0.0
	for t := time.Duration(0); t < span; t += time.Second {
		p.Step(time.Second)
		if p.Values().Speed < 30 {
			continue
		}
		n++
		for k, v := range channelsOf(p.Values()) {
			sum[k] += v
		}
	}
	for k := range sum {
		sum[k] /= n
	}
	return sum
}

func TestPlant_faultsMoveTheirChannels(t *testing.T) {
	tests := []struct {
		fault Fault
		moves map[string]float64 // channel -> least change, its sign the direction
		still map[string]float64 // channel -> largest change
	}{
		{BlockedValve, map[string]float64{"pump.flow": -15, "pump.pressure": 0.5, "drive.current": -2.5},
			map[string]float64{"drive.speed": 0.2, "pump.vibration": 0.1}},
		{BearingWear, map[string]float64{"pump.vibration": 1, "bearing.temperature": 5, "drive.current": 0.1},
			map[string]float64{"drive.speed": 0.2, "pump.flow": 0.5, "pump.pressure": 0.1}},
		{DryRunning, map[string]float64{"pump.flow": -10, "pump.pressure": -1, "drive.current": -2, "pump.vibration": 0.5},
			map[string]float64{"drive.speed": 0.2}},
	}
	for _, tt := range tests {
		t.Run(string(tt.fault), func(t *testing.T) {
			healthy, faulty := NewPlant(7), NewPlant(7)
			healthy.Step(100 * time.Second)
			faulty.SetFault(tt.fault, 1)
			faulty.Step(100 * time.Second)
			want, got := runningMean(healthy, 400*time.Second), runningMean(faulty, 400*time.Second)
			for ch, least := range tt.moves {
				if d := got[ch] - want[ch]; d*least < least*least {
					t.Errorf("%s changed by %.3g, want %.3g or more in that direction", ch, d, least)
				}
			}
			for ch, most := range tt.still {
				if d := got[ch] - want[ch]; math.Abs(d) > most {
					t.Errorf("%s changed by %.3g, want less than %.3g", ch, d, most)
				}
			}
		})
	}
}

func TestPlant_faultGrowsAndGoesAway(t *testing.T) {
	p := NewPlant(1)
	p.SetFault(BlockedValve, 1)
	last := 0.0
	for range 8 {
		p.Step(5 * time.Second)
		if s := p.Severity(BlockedValve); s <= last {
			t.Fatalf("severity %v after %v: does not grow", s, last)
		} else {
			last = s
		}
	}
	if math.Abs(last-1) > 1e-9 {
		t.Errorf("severity after 40 s is %v, want 1", last)
	}
	p.SetFault(BlockedValve, 0)
	p.Step(16 * time.Second)
	if s := p.Severity(BlockedValve); s != 0 {
		t.Errorf("severity 16 s after the end is %v, want 0", s)
	}
}

func TestPlant_stuckSensorFreezesFlowOnly(t *testing.T) {
	p := NewPlant(3)
	p.Step(10 * time.Second)
	p.SetFault(StuckSensor, 1)
	p.Step(step)
	first := p.Values()
	for range 50 {
		p.Step(time.Second)
		v := p.Values()
		if v.Flow != first.Flow {
			t.Fatalf("flow moved from %v to %v", first.Flow, v.Flow)
		}
		if v.Speed == first.Speed || v.Pressure == first.Pressure {
			t.Fatal("another channel froze as well")
		}
	}
	p.SetFault(StuckSensor, 0)
	p.Step(step)
	if p.Values().Flow == first.Flow {
		t.Error("flow is still frozen after the end")
	}
}

func TestPlant_sameSeedSameHistory(t *testing.T) {
	a, b, other := NewPlant(42), NewPlant(42), NewPlant(43)
	for range 200 {
		a.Step(3 * time.Second)
		for range 100 {
			b.Step(30 * time.Millisecond)
		}
		other.Step(3 * time.Second)
		if !reflect.DeepEqual(a.Values(), b.Values()) {
			t.Fatalf("histories differ:\n%+v\n%+v", a.Values(), b.Values())
		}
	}
	if reflect.DeepEqual(a.Values(), other.Values()) {
		t.Error("two seeds gave the same values")
	}
}

func TestPlant_stopsAndStarts(t *testing.T) {
	p := NewPlant(5)
	var stops, stopped int
	was := true
	for range 1200 {
		p.Step(time.Second)
		v := p.Values()
		runs := v.Speed > 5
		if was && !runs {
			stops++
		}
		if was = runs; !runs {
			stopped++
		}
	}
	if stops < 3 || stops > 5 {
		t.Errorf("%d stops in 1200 s, want 3 to 5", stops)
	}
	if stopped < stops*15 || stopped > stops*18 {
		t.Errorf("stopped for %d s in %d stops", stopped, stops)
	}
}

// The agent learns from the first 400 s: they must contain a stop and the whole range of
// the demand.
func TestPlant_showsItsVarietyEarly(t *testing.T) {
	for seed := range uint64(20) {
		p := NewPlant(seed)
		stops, was := 0, true
		low, high := 99.0, 0.0
		for range 400 {
			p.Step(time.Second)
			v := p.Values()
			runs := v.Speed > 5
			if was && !runs {
				stops++
			}
			if was = runs; v.Speed > 35 {
				low, high = min(low, v.Speed), max(high, v.Speed)
			}
		}
		if stops < 1 || high-low < 7 {
			t.Errorf("seed %d: %d stops, speed %.1f to %.1f Hz", seed, stops, low, high)
		}
	}
}

func TestPlant_everyValueIsPlausible(t *testing.T) {
	for _, f := range append(Faults(), FaultInfo{}) {
		p := NewPlant(11)
		p.SetFault(f.Fault, 1.5)
		for range 3000 {
			p.Step(time.Second)
			v := reflect.ValueOf(p.Values())
			for i := range v.NumField() {
				if x := v.Field(i).Float(); math.IsNaN(x) || math.IsInf(x, 0) {
					t.Fatalf("%s: %s is %v", f.Fault, v.Type().Field(i).Name, x)
				}
			}
			if v := p.Values(); v.Flow < 0 || v.Flow > 60 || v.Pressure < 0 || v.Pressure > 7 ||
				v.Current < 0 || v.Current > 30 || v.Speed < 0 || v.Speed > 60 || v.Vibration <= 0 ||
				v.BearingTemp < 0 || v.BearingTemp > 120 {
				t.Fatalf("%s: implausible %+v", f.Fault, v)
			}
		}
	}
}

func TestPlant_ignoresNonsense(t *testing.T) {
	p := NewPlant(1)
	p.SetFault("flood", 1)
	p.SetFault(BlockedValve, math.NaN())
	p.SetFault(BlockedValve, -1)
	p.SetFault(BlockedValve, math.Inf(1))
	p.Step(-time.Hour)
	p.Step(time.Minute)
	if p.Severity(BlockedValve) != 0 || p.Severity("flood") != 0 {
		t.Error("a nonsense severity was taken")
	}
}

// The comment says that the nominal point is 40 m³/h at 45 m. By the affinity laws the
// shutoff head at 80 % speed is 64 % of that at full speed.
func TestOperatingPoint(t *testing.T) {
	tests := []struct{ hz, valve, flow, head float64 }{
		{50, 1, 40, 45},
		{40, 1, 28.86, 30.61},
		{50, 0.02, 0.98, 59.99},
		{20, 1, 0, staticHead},
		{0, 1, 0, staticHead},
	}
	for _, tt := range tests {
		q, h := operatingPoint(tt.hz, tt.valve, 1)
		if math.Abs(q-tt.flow) > 0.02 || math.Abs(h-tt.head) > 0.02 {
			t.Errorf("at %v Hz, valve %v: %.3f m³/h, %.3f m, want %v, %v", tt.hz, tt.valve, q, h, tt.flow, tt.head)
		}
	}
}

func TestMotorCurrent(t *testing.T) {
	full, part, slow := motorCurrent(50, 40, 0), motorCurrent(50, 10, 0), motorCurrent(40, 29, 0)
	if full < 13 || full > 15 {
		t.Errorf("nominal current %.2f A, want about 14", full)
	}
	if part >= full || slow >= full || motorCurrent(0, 0, 0) != 0 {
		t.Errorf("current does not fall with flow (%v) or speed (%v)", part, slow)
	}
}

func TestParseFault(t *testing.T) {
	for _, f := range Faults() {
		if got, err := ParseFault(string(f.Fault)); err != nil || got.Fault != f.Fault {
			t.Errorf("%s: %v, %v", f.Fault, got.Fault, err)
		}
	}
	if _, err := ParseFault("flood"); err == nil || err.Error() !=
		`fault "flood": unknown, have blocked_valve bearing_wear dry_running stuck_sensor dead_slave` {
		t.Errorf("got %v", err)
	}
}
