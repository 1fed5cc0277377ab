package quant_test

import (
	"fmt"
	"log"

	"iot-edge-anomaly/quant"
)

// A float32 network of two layers, which computes |x0 - x1|, as an int8 network.
func Example() {
	input := quant.Fit(2)   // x lies within ±2
	between := quant.Fit(4) // and the hidden values do within ±4
	hidden, err := quant.QuantiseLayer([]float32{1, -1, -1, 1}, []float32{0, 0}, 2, 2, input, between)
	if err != nil {
		log.Fatal(err)
	}
	last, err := quant.QuantiseLayer([]float32{1, 1}, []float32{0}, 2, 1, between, quant.Params{Scale: 1})
	if err != nil {
		log.Fatal(err)
	}
	var layers []*quant.Dense
	for _, l := range []quant.Layer{hidden, last} {
		d, err := l.Dense()
		if err != nil {
			log.Fatal(err)
		}
		layers = append(layers, d)
	}
	net, err := quant.NewNetwork(input, layers...)
	if err != nil {
		log.Fatal(err)
	}
	out := make([]float32, net.Out())
	for _, x := range [][]float32{{1.5, 0.5}, {-1, 1}, {0.7, 0.7}} {
		net.Forward(out, x)
		fmt.Printf("%v: %.2f\n", x, out[0])
	}
	// Output:
	// [1.5 0.5]: 1.01
	// [-1 1]: 2.02
	// [0.7 0.7]: 0.00
}

// Numbers become int8 by one scale, and come back within half a step of it.
func ExampleParams_Quantise() {
	p := quant.Fit(12.7)
	x := []float32{-12.7, 0, 0.32, 5, 99}
	q, back := make([]int8, len(x)), make([]float32, len(x))
	p.Quantise(q, x)
	p.Dequantise(back, q)
	fmt.Printf("scale %.1f: %d\n", p.Scale, q)
	fmt.Printf("%.1f\n", back)
	// Output:
	// scale 0.1: [-127 0 3 50 127]
	// [-12.7 0.0 0.3 5.0 12.7]
}

// One layer: the sums of products, ReLU, and a multiplier that brings them to int8.
func ExampleDense_Forward() {
	weights := []int8{
		10, 20, 30, // of output 0
		-10, 0, 10, // of output 1
	}
	d, err := quant.NewDense(3, 2, weights, []int32{100, 0}, []float32{0.01, 0.5})
	if err != nil {
		log.Fatal(err)
	}
	out := make([]int8, d.Out())
	d.Forward(out, []int8{50, 40, 30})
	fmt.Println(out) // (100 + 500 + 800 + 900) * 0.01 and max(0, 300 - 500) * 0.5
	// Output: [23 0]
}
