package devices

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/settings"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/sim/sysfssim"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// bearing is the radial acceleration of a pump's bearing housing: the shaft with
// its harmonics, the mains' magnetic hum, noise, all under a load that wanders;
// and, where fault is not 0, what a pit in the outer race adds.
//
// Each ball that rolls over the pit strikes it, at the ball pass frequency of
// the outer race (Randall, Antoni, "Rolling element bearing diagnostics - a
// tutorial", Mechanical Systems and Signal Processing 25, 2011, eq. 1),
//
//	BPFO = n/2 · fr · (1 - d/D cos φ)
//
// for n balls of diameter d on the pitch diameter D at contact angle φ, and with
// about 1 % of slip from ball to ball (same, §2.1). Each stroke lets the housing
// ring, and the shaft's turn modulates it.
type bearing struct {
	rng   *rand.Rand
	fault float64 // m/s² of a stroke
	t     float64 // s
	turn  float64 // of the shaft, rad
	load  float64
	next  float64 // time of the next stroke
	ring  [2]float64
}

const (
	vibrationRate = 4000.0
	shaft         = 24.7  // Hz
	balls         = 9     // 6205
	ballMM        = 7.94  // d
	pitchMM       = 39.04 // D; φ = 0
	resonance     = 1300  // Hz
	damping       = 0.04
)

func (b *bearing) sample() float64 {
	const dt = 1 / vibrationRate
	b.t += dt
	b.load += dt * (-b.load/5 + 0.1*b.rng.NormFloat64()/math.Sqrt(dt)) // wanders by ±0.16 within seconds
	b.turn += 2 * math.Pi * shaft * (1 + 0.005*b.load) * dt
	load := 1 + 0.5*b.load
	v := load*(0.5*math.Sin(b.turn)+0.2*math.Sin(2*b.turn+1)+0.1*math.Sin(3*b.turn+2)) +
		0.15*math.Sin(2*math.Pi*100*b.t) + (0.3+0.1*load)*b.rng.NormFloat64()
	stroke := 0.0
	if b.fault > 0 && b.t >= b.next {
		bpfo := balls / 2.0 * shaft * (1 - ballMM/pitchMM)
		b.next = b.t + (1+0.01*b.rng.NormFloat64())/bpfo
		stroke = load * b.fault * (1 + 0.3*math.Cos(b.turn))
	}
	// a resonator of second order, whose answer to a unit stroke begins with 1
	const w = 2 * math.Pi * resonance * dt
	r := math.Exp(-damping * w)
	y := stroke + 2*r*math.Cos(w)*b.ring[0] - r*r*b.ring[1]
	b.ring = [2]float64{y, b.ring[0]}
	return v + y
}

// rows reads n rows of the sensor, one for each block of the bearing.
func (b *bearing) rows(t *testing.T, s drivers.Sensor, chip *sysfssim.ADXL355, n int) (out [][]float64) {
	t.Helper()
	for range n {
		for range 2048 {
			chip.Push(0.05*b.rng.NormFloat64(), 0.05*b.rng.NormFloat64(), 9.80665+b.sample())
		}
		chip.Flush()
		row := make([]float64, len(s.Channels()))
		if err := s.Read(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	return out
}

const vibrationConfig = `sensors:
  - {name: pump, driver: vibration, device: adxl355, rate: 4000, axes: [z], bands: [[10, 200], [200, 800], [800, 1500]]}
`

// The whole way from the kernel's samples to the score: a model that learnt a healthy
// machine stays below its threshold, and finds a pit in a bearing.
func TestVibration_bearingFault(t *testing.T) {
	tree, err := sysfssim.Lay(t.TempDir(), sysfssim.Pi4)
	if err != nil {
		t.Fatal(err)
	}
	chip, err := tree.ADXL355(vibrationRate)
	if err != nil {
		t.Fatal(err)
	}
	defer chip.Close()
	for _, a := range []string{"x", "y"} { // a sample of the chip has three axes
		if err := tree.Set("/sys/bus/iio/devices/iio:device10/scan_elements/in_accel_"+a+"_en", "1"); err != nil {
			t.Fatal(err)
		}
	}
	c, problems := config.Parse("config.yaml", []byte(vibrationConfig), Infos())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	sensors, err := Sensors(c, Open(nil, Host{Root: tree.Root}))
	if err != nil {
		t.Fatal(err)
	}
	defer CloseSensors(sensors)
	s := sensors[0]
	if err := s.Read(t.Context(), make([]float64, len(s.Channels()))); err == nil || !strings.Contains(err.Error(), "no samples") {
		t.Fatalf("before the first sample: %v", err)
	}
	// The failed read has closed the buffer. The next read opens it again and drops
	// older samples: on a busy machine that may be the whole block, so try again.
	err = errors.New("not read")
	for try := 0; err != nil && try < 20; try++ {
		var pushed sync.WaitGroup
		pushed.Go(func() {
			time.Sleep(200 * time.Millisecond)
			for i := range 2048 {
				chip.Push(0, 0, 9.8+0.01*float64(i%2))
			}
			chip.Flush()
		})
		err = s.Read(t.Context(), make([]float64, len(s.Channels())))
		pushed.Wait()
	}
	if err != nil {
		t.Fatalf("the first block: %v", err)
	}

	const learnt, heldOut, faulty = 700, 500, 60
	b := &bearing{rng: rand.New(rand.NewPCG(1, 2))}
	healthy := b.rows(t, s, chip, learnt+heldOut)
	b.fault = 1.5
	broken := b.rows(t, s, chip, faulty)

	schema := settings.Schema(c.Machines[0])
	m, report, err := train.Train(t.Context(), schema, slices.Concat(healthy[:learnt]...), train.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(report)
	scorer := model.NewScorer(m)
	above := func(rows [][]float64) (n, first int, peak float32) {
		first = -1
		for i, r := range rows {
			sc, ok := scorer.Push(r)
			if peak = max(peak, sc.Value); ok && sc.Value > 1 {
				if n++; first < 0 {
					first = i
				}
			}
		}
		return n, first, peak
	}
	fit, _, _ := above(healthy[:learnt])
	alarms, _, peak := above(healthy[learnt:])
	found, first, top := above(broken)
	t.Logf("learnt: %d of %d above; held out: %d of %d above, peak %.2f; faulty: %d of %d above, first at %d, peak %.1f",
		fit, learnt, alarms, heldOut, peak, found, faulty, first, top)
	for i, ch := range s.Channels() {
		t.Logf("%-16s healthy %8.4g ± %.2g  faulty %8.4g %s", ch.Name, mean(healthy, i), deviation(healthy, i), mean(broken, i), ch.Quantity.Unit)
	}
	// the velocity of ISO 20816 shows nothing yet; the band of the resonance does
	for i, ch := range s.Channels() {
		shift := (mean(broken, i) - mean(healthy, i)) / deviation(healthy, i)
		if ch.Name == "z_velocity" && math.Abs(shift) > 2 || ch.Name == "z_band_800_1500" && shift < 10 {
			t.Errorf("%s moves by %.1f standard deviations, want below 2 for the velocity and above 10 for the resonance's band", ch.Name, shift)
		}
	}
	if alarms > heldOut/100 {
		t.Errorf("%d of %d healthy rows are above the threshold, want 1 %% at most", alarms, heldOut)
	}
	if first < 0 || first > 5 || found < faulty*9/10 {
		t.Errorf("%d of %d faulty rows above the threshold, the first at %d; want 9 of 10, from row 5 on", found, faulty, first)
	}
}

func mean(rows [][]float64, i int) (m float64) {
	for _, r := range rows {
		m += r[i] / float64(len(rows))
	}
	return m
}

func deviation(rows [][]float64, i int) float64 {
	m, v := mean(rows, i), 0.0
	for _, r := range rows {
		v += (r[i] - m) * (r[i] - m) / float64(len(rows))
	}
	return math.Sqrt(v)
}
