package main

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"iot-edge-anomaly/model"
)

// The simulated pump of set curves: a recording with nonlinear relations between its
// channels, by the affinity laws. Everything is learnt from curveLearn rows.
const (
	curvesName   = "curves"
	curveLearn   = 8640 // rows: a day
	curveFault   = 300  // rows of each fault
	curveBetween = 500  // normal rows before each
)

// curveFaults are shifts of one relation that leave every channel within its learnt
// range: power of the shaft, head of the impeller, flow through the meter,
// temperature of the winding, vibration.
var curveFaults = []struct {
	channel string
	factor  float64
}{{"power", 1.3}, {"pressure", 0.76}, {"flow", 0.76}, {"winding", 1.16}, {"vibration", 1.5}, {"power", 0.7}, {"pressure", 1.24}, {"flow", 1.24}, {"winding", 0.84}, {"vibration", 0.5}}

// curves simulates a centrifugal pump whose speed (30 to 100 %) and valve vary:
// pressure a·n² - b·Q² meets the pipe's h + k·Q²; power goes with n³ and n²·Q,
// vibration with n², the winding's temperature follows the power of ten minutes.
func curves() (rows []float64, marks []bool) {
	rng := rand.New(rand.NewPCG(7, 7))
	n, valve, winding := 0.65, 0.5, 40.0
	target, open := n, valve
	total := curveLearn + 2*len(curveFaults)*(curveBetween+curveFault)
	for i := range total {
		if rng.Float64() < 1.0/120 {
			target = 0.3 + 0.7*rng.Float64()
		}
		if rng.Float64() < 1.0/180 {
			open = rng.Float64()
		}
		n += (target - n) / 20
		valve += (open - valve) / 20
		k := 0.3 + 2*(1-valve)*(1-valve)
		q := math.Sqrt(max(1.2*n*n-0.05, 0) / (0.4 + k))
		head := 1.2*n*n - 0.4*q*q
		power := 0.35*n*n*n + 0.9*n*n*q
		winding += (30 + 60*power - winding) / 60
		row := map[string]float64{"speed": 50 * n, "flow": 80 * q, "pressure": 6 * head, "power": 20 * power,
			"winding": winding, "vibration": 0.5 + 3*n*n}
		at := i - curveLearn
		mark := at >= 0 && at%(curveBetween+curveFault) >= curveBetween
		if mark {
			f := curveFaults[at/(curveBetween+curveFault)%len(curveFaults)]
			row[f.channel] *= f.factor
		}
		for j, c := range curveChannels {
			rows = append(rows, row[c]+curveNoise[j]*rng.NormFloat64())
		}
		marks = append(marks, mark)
	}
	return rows, marks
}

var (
	curveChannels = []string{"speed", "flow", "pressure", "power", "winding", "vibration"}
	curveNoise    = []float64{0.1, 0.4, 0.03, 0.1, 0.2, 0.05}
)

// curveSet writes the labels of set curves below dir, for the scorer.
func curveSet(dir string) (set, error) {
	s := set{name: curvesName, dir: dir}
	f := file{name: "pump.csv", trainKey: curvesName, ownKey: curvesName,
		schema: model.Schema{Period: 10 * time.Second, Channels: named(curveChannels...)}}
	var marks []bool
	f.rows, marks = curves()
	f.train = f.rows[:curveLearn*len(curveChannels)]
	if err := os.MkdirAll(filepath.Join(dir, "labels"), 0o750); err != nil {
		return s, err
	}
	w, err := os.Create(filepath.Join(dir, "labels", f.name))
	if err != nil {
		return s, err
	}
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "timestamp,label,eval")
	for i, mark := range marks {
		f.times = append(f.times, strconv.Itoa(10*i))
		label, eval := 0, 0
		if mark {
			label = 1
		}
		if i >= curveLearn {
			eval = 1
		}
		fmt.Fprintf(b, "%s,%d,%d\n", f.times[i], label, eval)
	}
	s.files = []file{f}
	if err := b.Flush(); err != nil {
		return s, err
	}
	return s, w.Close()
}
