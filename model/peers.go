package model

import (
	"fmt"
	"math"
)

// The roles of a channel among its peers.
const (
	Apart  int32 = iota // neither expected from the others nor told to them
	Given               // the others are expected from it, and it is not judged
	Target              // both
)

const (
	// Hinges is how many features of each channel begin to rise somewhere in its range.
	Hinges = 4
	// Nearest is how many prototypes say how far a row may stray.
	Nearest = 6
	// MaxPeers is how many channels a model with Peers has at most.
	MaxPeers = 64

	productsMost  = 17  // channels up to which their products are features
	maxPrototypes = 256 // whose distances a row is compared with
)

// Peers say what each channel should be, given the others in the same row, and how far
// the learning rows near such a row strayed from it. Equation numbers are those of the
// package comment; C is the number of channels, F that of the features, P that of the
// prototypes.
type Peers struct {
	Role   []int32   // (C)
	Gain   []float32 // (C) from units of Spread to those of z; 0 = the channel is Apart (10)
	Low    []float32 // (C) learnt range of z
	High   []float32 // (C)
	Hinge  []float32 // (Hinges, C) where a feature begins to rise
	Weight []float32 // (F, C) of the features in what is expected of each channel (11)
	Bias   []float32 // (C) (11)
	Least  []float32 // (C) bounds of what is expected (11)
	Most   []float32 // (C)

	Prototype []float32 // (P, C) operating points (12)
	Near      []float32 // (P, C) mean square of the residuals there (12)
	Overall   []float32 // (C) mean square of all residuals (12)
	Hidden    []float32 // (C, C) by what the mean square of a channel rises while another, the row, is missing (12)
	Reach     float32   // > 0, square of the distance from the nearest prototype that learning rows seldom exceed (12)
	Rows      float32   // > 0, rows after which two thirds of what lasts have become the base (13)

	StrayLimit []float32 // (C) > 0 (14)
	SlowLimit  []float32 // (C) > 0 (15)
}

// Features returns F for c channels.
func Features(c int) int {
	if n := c * (2 + Hinges); !products(c) {
		return n
	}
	return c*(2+Hinges) + c*(c-1)/2
}

// products tells whether the products of c channels are features.
func products(c int) bool { return c <= productsMost }

// Product returns the first feature that is a product of two channels, and whether there
// are any. The first channel has none, the second one with the first, and so on.
func Product(c int) (first int, any bool) { return c * (2 + Hinges), products(c) }

// prototypes returns P.
func (p *Peers) prototypes() int { return len(p.Prototype) / len(p.Gain) }

// arrays lists the float32 arrays with their sizes, for c channels and n prototypes.
func (p *Peers) arrays(c, n int) []peerArray {
	return []peerArray{
		{"gain", &p.Gain, []int{c}, false},
		{"low", &p.Low, []int{c}, false},
		{"high", &p.High, []int{c}, false},
		{"hinge", &p.Hinge, []int{Hinges, c}, false},
		{"weight", &p.Weight, []int{Features(c), c}, false},
		{"bias", &p.Bias, []int{c}, false},
		{"least", &p.Least, []int{c}, false},
		{"most", &p.Most, []int{c}, false},
		{"prototype", &p.Prototype, []int{n, c}, false},
		{"near", &p.Near, []int{n, c}, true},
		{"overall", &p.Overall, []int{c}, true},
		{"hidden", &p.Hidden, []int{c, c}, false},
		{"stray_limit", &p.StrayLimit, []int{c}, true},
		{"slow_limit", &p.SlowLimit, []int{c}, true},
	}
}

type peerArray struct {
	name     string
	v        *[]float32
	shape    []int
	positive bool
}

func (a peerArray) size() int {
	n := 1
	for _, k := range a.shape {
		n *= k
	}
	return n
}

// validatePeerSizes checks the numbers that the shapes of Peers follow from.
func validatePeerSizes(c, prototypes int) error {
	if c > MaxPeers {
		return fmt.Errorf("peers of %d channels, want at most %d", c, MaxPeers)
	}
	if prototypes < 1 || prototypes > maxPrototypes {
		return fmt.Errorf("%d prototypes, want 1 to %d", prototypes, maxPrototypes)
	}
	return nil
}

// validatePeers checks every size and value.
func (p *Parameters) validatePeers(c int) error {
	q := p.Peers
	if q == nil {
		return nil
	}
	n := len(q.Prototype) / c
	if err := validatePeerSizes(c, n); err != nil {
		return err
	}
	for _, a := range q.arrays(c, n) {
		if err := check("peers "+a.name, *a.v, a.size(), a.positive); err != nil {
			return err
		}
	}
	if err := check("peers scale", []float32{q.Reach, q.Rows}, 2, true); err != nil {
		return err
	}
	if len(q.Role) != c {
		return fmt.Errorf("%d values of peers role, want %d", len(q.Role), c)
	}
	for i, r := range q.Role {
		switch {
		case r < Apart || r > Target:
			return fmt.Errorf("peers role of channel %d is %d, want %d to %d", i, r, Apart, Target)
		case q.Gain[i] < 0 || q.Low[i] > q.High[i] || q.Least[i] > q.Most[i]:
			return fmt.Errorf("peers of channel %d: gain %v, range %v to %v, expected %v to %v: want rising", i, q.Gain[i], q.Low[i], q.High[i], q.Least[i], q.Most[i])
		}
	}
	for i, v := range q.Hidden {
		if v < 0 {
			return fmt.Errorf("peers hidden %d is %v, want 0 or more", i, v)
		}
	}
	return nil
}

// zMost bounds (10).
const zMost = 30

// Scale writes (10) of the row u, in units of Spread, to z; both are (C).
func (p *Peers) Scale(z, u []float32) {
	for i, x := range u {
		z[i] = clamp(float32(x*p.Gain[i]), zMost)
	}
}

// Features writes the features of z, (C), to dst, (F): each channel, bounded; its square,
// bounded more; what it exceeds each of its hinges by; and the products of two channels.
func (p *Peers) Features(dst, z []float32) {
	c := len(z)
	far, near := dst[:c], dst[c:2*c]
	for i, x := range z {
		low, high := p.Low[i], p.High[i]
		r := high - low
		far[i] = min(max(x, low-float32(farRange*r)), high+float32(farRange*r))
		near[i] = min(max(x, low-float32(nearRange*r)), high+float32(nearRange*r))
	}
	if first, any := Product(c); any {
		at := first
		for i, x := range near {
			for _, y := range near[:i] {
				dst[at] = float32(x * y)
				at++
			}
		}
	}
	for i, x := range near {
		near[i] = float32(x * x)
	}
	for h := range Hinges {
		out, hinge := dst[(2+h)*c:(3+h)*c], p.Hinge[h*c:(h+1)*c]
		for i, x := range far {
			out[i] = max(0, x-hinge[i])
		}
	}
}

// By how much of its learnt range a channel may be outside it and still move the features
// that are linear in it, and those that are squares and products.
const (
	farRange  = 0.5
	nearRange = 0.1
)

// abs returns the absolute value of v.
func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }
