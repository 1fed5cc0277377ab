package model

import (
	"slices"

	"iot-edge-anomaly/quant"
)

// int8Net runs the int8 network. Each row is quantised once, when it comes, not once
// in each window that holds it.
type int8Net struct {
	net    *quant.Network // of Parameters.Newest
	input  quant.Params
	window []int8 // (Window, C) oldest row first
	c      int

	// Results of compute for the rows passed to foresee.
	foreseen []int8    // (Window - 1 + quant.Windows, C) nil before the first
	answers  []float32 // (quant.Windows, C)
	left     int       // answers whose rows have not come yet
	hit      int       // the answer to the present window; -1 = none
}

func (n *int8Net) push(row []float32) {
	copy(n.window, n.window[n.c:])
	newest := n.window[len(n.window)-n.c:]
	n.input.Quantise(newest, row)
	if n.hit = -1; n.left == 0 {
		return
	}
	// The window is the foreseen one if all rows since compute were.
	k := quant.Windows - n.left
	if !slices.Equal(newest, n.place(k)) {
		n.left = 0
		return
	}
	n.left--
	n.hit = k
}

func (n *int8Net) expect(dst []float32) {
	if n.hit >= 0 {
		copy(dst, n.answers[n.hit*n.c:])
		return
	}
	n.net.ForwardQuantised(dst, n.window)
}

func (n *int8Net) reset() {
	clear(n.window)
	n.left, n.hit = 0, -1
}

// place returns where foreseen holds the row that will come after k others.
func (n *int8Net) place(k int) []int8 {
	at := len(n.window) + (k-1)*n.c
	return n.foreseen[at : at+n.c]
}

// foresee takes the row that will come after k others. It discards the answers of
// the last compute.
func (n *int8Net) foresee(k int, row []float32) {
	n.left = 0
	if n.foreseen == nil {
		n.foreseen = make([]int8, len(n.window)+(quant.Windows-1)*n.c)
		n.answers = make([]float32, quant.Windows*n.c)
	}
	n.input.Quantise(n.place(k), row)
}

// compute runs the network on the windows that end with the quant.Windows foreseen
// rows.
func (n *int8Net) compute() {
	copy(n.foreseen, n.window[n.c:])
	n.net.Forward4Quantised(n.answers, n.foreseen, n.c)
	n.left = quant.Windows
}
