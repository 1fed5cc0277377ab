package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"

	"iot-edge-anomaly/quant"
)

// side selects contestants: a kernel of ours in one group of forms, or without a
// kernel the fastest of the group.
type side struct {
	group  group
	kernel string
}

// limit is a target for one network: a share at least, or with below a ratio of
// times that must stay below it. 0 = no target.
type limit struct {
	value float64
	below bool
}

// row is one target of a kernel and what was measured, by network.
type row struct {
	kernel, what string
	measured     map[string]float64
	limits       map[string]limit
}

// leastShare says which share of the CPU's nearer bound a kernel must reach, and
// leastPeak which share of its multiplications with four windows a call. S has no
// target: the fixed costs of its six layers outweigh both bounds. Kernels that
// nobody has timed on hardware have no target yet.
var (
	leastShare = map[string]map[string]float64{"vnni": {"M": 0.70, "L": 0.75}, "avx2": {"M": 0.60, "L": 0.65}}
	leastPeak  = map[string]map[string]float64{"vnni": {"M": 0.65, "L": 0.70}, "avx2": {"M": 0.65, "L": 0.70}}
)

// rivals are the comparisons that every kernel but generic must win: our time
// divided by the peer's stays below 1.
var rivals = []struct {
	what     string
	ours, by group
}{
	{"int8 in / ONNX Runtime int8", ours, ortInt8},
	{"int8 in / TFLite + XNNPACK int8", ours, tflInt8},
	{"float in, squared error out / ONNX Runtime int8, float in and out", scored, ortEnds},
	{"float in and out / TFLite + XNNPACK int8, float in and out", ourEnds, tflEnds},
}

// targets lists every target of a kernel.
func targets(kernel string, results map[string]*result) (rows []row) {
	share := row{kernel, "share of the nearer bound", map[string]float64{}, map[string]limit{}}
	four := row{kernel, "share of peak, 4 windows a call", map[string]float64{}, map[string]limit{}}
	for name, r := range results {
		b, mac := r.bounds[kernel], float64(r.net.MAC())
		rate := mac / shortest(r.contestants, side{ours, kernel})
		share.measured[name] = max(rate/b.Stream, rate/b.Peak)
		share.limits[name] = limit{value: leastShare[kernel][name]}
		four.measured[name] = mac / shortest(r.contestants, side{fours, kernel}) / b.Peak
		four.limits[name] = limit{value: leastPeak[kernel][name]}
	}
	rows = append(rows, share, four)
	for _, v := range rivals {
		t := row{kernel, v.what, map[string]float64{}, map[string]limit{}}
		for name, r := range results {
			t.measured[name] = shortest(r.contestants, side{v.ours, kernel}) / shortest(r.contestants, side{v.by, ""})
			t.limits[name] = limit{value: 1, below: true}
		}
		rows = append(rows, t)
	}
	return rows
}

// shortest is the side's time among cs; NaN where there is none.
func shortest(cs []*contestant, s side) float64 {
	ns := math.NaN()
	for _, c := range cs {
		if c.group == s.group && (s.kernel == "" || c.name == s.kernel) && !(c.ns >= ns) {
			ns = c.ns
		}
	}
	return ns
}

// printTimes prints a network's contestants.
func printTimes(w io.Writer, r *result) error {
	n := r.net
	fmt.Fprintf(w, "\nnetwork %s, %d multiply-accumulates; outputs over %d inputs\n", n.Name, n.MAC(), len(n.samples))
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "engine\tform\tns\tof ORT int8\tof TFLite int8\toutputs against the naive loop")
	ort, tfl := shortest(r.contestants, side{ortInt8, ""}), shortest(r.contestants, side{tflInt8, ""})
	for _, c := range r.contestants {
		agrees := c.agrees
		if agrees == "" {
			agrees = "-"
		}
		fmt.Fprintf(tw, "%s\t%s\t%.0f\t%s\t%s\t%s\n", c.name, c.form, c.ns, ratio(c.ns/ort), ratio(c.ns/tfl), agrees)
	}
	for _, k := range judged() {
		mac := float64(n.MAC())
		fmt.Fprintf(tw, "%s\tbound: reading the weights\t%.0f\t-\t-\t-\n", k, mac/r.bounds[k].Stream)
		fmt.Fprintf(tw, "%s\tbound: multiplying in registers\t%.0f\t-\t-\t-\n", k, mac/r.bounds[k].Peak)
	}
	return tw.Flush()
}

// ratio prints two digits.
func ratio(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 0.1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// verdict judges a measured value. NaN means that the CPU or the peers' packages
// lack what it takes.
func (l limit) verdict(v float64) (text string, met bool) {
	switch {
	case math.IsNaN(v):
		return "not here", true
	case l.value == 0:
		return ratio(v), true
	case l.below && v < l.value:
		return fmt.Sprintf("%s < %g  met", ratio(v), l.value), true
	case l.below:
		return fmt.Sprintf("%.3f < %g  MISSED", v, l.value), false
	case v >= l.value:
		return fmt.Sprintf("%.2f >= %.2f  met", v, l.value), true
	}
	return fmt.Sprintf("%.3f >= %.2f  MISSED", v, l.value), false
}

// printTargets prints each target with the measured value, and returns whether all
// targets that could be judged were met.
func printTargets(w io.Writer, names []string, results map[string]*result) (met bool, err error) {
	fmt.Fprintln(w, "\ntargets")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "kernel\twhat")
	for _, n := range names {
		fmt.Fprintf(tw, "\t%s", n)
	}
	fmt.Fprintln(tw)
	met = true
	for _, kernel := range judged() {
		for _, r := range targets(kernel, results) {
			fmt.Fprintf(tw, "%s\t%s", r.kernel, r.what)
			for _, n := range names {
				text, ok := r.limits[n].verdict(r.measured[n])
				met = met && ok
				fmt.Fprintf(tw, "\t%s", text)
			}
			fmt.Fprintln(tw)
		}
	}
	return met, tw.Flush()
}

// judged are the kernels of this CPU that have targets. generic has none: it is
// there to be right on every CPU.
func judged() (names []string) {
	for _, k := range quant.Kernels() {
		if k != "generic" {
			names = append(names, k)
		}
	}
	return names
}
