package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"
)

// side is one of the two whose times are divided: a kernel of ours, or with an
// empty kernel the fastest of the group.
type side struct {
	group  group
	kernel string
}

// target is a ratio of times that is not to be exceeded.
type target struct {
	what     string
	over, by side
	s, m, l  float64
}

// targets are the ratios promised for x86-64. What the CPU lacks is not judged.
var targets = []target{
	{"vnni / ONNX Runtime int8", side{ours, "vnni"}, side{ortInt8, ""}, 0.02, 0.08, 0.30},
	{"vnni / TFLite + XNNPACK int8", side{ours, "vnni"}, side{tflInt8, ""}, 0.30, 0.40, 0.50},
	{"avx2 / ONNX Runtime int8", side{ours, "avx2"}, side{ortInt8, ""}, 0.03, 0.16, 0.70},
	{"avx2 / TFLite + XNNPACK int8", side{ours, "avx2"}, side{tflInt8, ""}, 0.60, 0.90, 1.05},
	{"generic / ONNX Runtime int8", side{ours, "generic"}, side{ortInt8, ""}, 0.35, 3.6, 16},
	{"vnni to squared error / ONNX Runtime int8, float in and out", side{scored, "vnni"}, side{ortEnds, ""}, 0.02, 0.08, 0.30},
	{"fastest kernel, 4 windows a call / 1", side{fours, ""}, side{ours, ""}, 0.6, 0.55, 0.55},
}

func (t target) limit(network string) float64 {
	return map[string]float64{"S": t.s, "M": t.m, "L": t.l}[network]
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
func printTimes(w io.Writer, n *network, cs []*contestant) error {
	fmt.Fprintf(w, "\nnetwork %s, %d multiply-accumulates; outputs over %d inputs\n", n.Name, n.MAC(), len(n.samples))
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "engine\tform\tns\tof ORT int8\tof TFLite int8\toutputs against the naive loop")
	ort, tfl := shortest(cs, side{ortInt8, ""}), shortest(cs, side{tflInt8, ""})
	for _, c := range cs {
		fmt.Fprintf(tw, "%s\t%s\t%.0f\t%s\t%s\t%s\n", c.name, c.form, c.ns, ratio(c.ns/ort), ratio(c.ns/tfl), c.agrees)
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

// fine prints three digits, so that what is missed by little shows.
func fine(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// printTargets prints each target beside what was measured and tells whether all
// that could be judged were met.
func printTargets(w io.Writer, names []string, results map[string][]*contestant) (bool, error) {
	fmt.Fprintln(w, "\ntargets: ratios of times, measured / at most")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "ratio")
	for _, n := range names {
		fmt.Fprintf(tw, "\t%s\t", n)
	}
	fmt.Fprintln(tw)
	met := true
	for _, t := range targets {
		fmt.Fprint(tw, t.what)
		for _, name := range names {
			cs := results[name]
			v := shortest(cs, t.over) / shortest(cs, t.by)
			verdict := "met"
			switch {
			case math.IsNaN(v):
				verdict = "not here"
			case v > t.limit(name):
				verdict, met = "MISSED", false
			}
			fmt.Fprintf(tw, "\t%s / %g\t%s", fine(v), t.limit(name), verdict)
		}
		fmt.Fprintln(tw)
	}
	return met, tw.Flush()
}
