package quant_test

import (
	"fmt"
	"strconv"
	"testing"

	"iot-edge-anomaly/quant"
	"iot-edge-anomaly/quant/reference"
)

// BenchmarkNetwork times one pass of each reference network, input and output
// in float32, batch 1.
func BenchmarkNetwork(b *testing.B) {
	for _, name := range reference.Names() {
		ref, err := reference.New(name)
		if err != nil {
			b.Fatal(err)
		}
		src, dst := ref.Sample(1), make([]float32, ref.Out())
		b.Run(name+"/naive", func(b *testing.B) { pass(b, ref.MAC(), func() { ref.Naive(dst, src) }) })
		b.Run(name+"/float32", func(b *testing.B) { pass(b, ref.MAC(), func() { ref.Float32(dst, src) }) })
		for _, k := range quant.Kernels() {
			if err := quant.Use(k); err != nil {
				b.Fatal(err)
			}
			fast, err := ref.Build()
			if err != nil {
				b.Fatal(err)
			}
			b.Run(name+"/"+k, func(b *testing.B) { pass(b, ref.MAC(), func() { fast.Forward(dst, src) }) })
		}
	}
}

func pass(b *testing.B, mac int, f func()) {
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(mac)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "MAC/ns")
}

// BenchmarkQuantise is equation (2) for a row of 8 channels and for the inputs
// of the reference networks.
func BenchmarkQuantise(b *testing.B) {
	for _, n := range []int{8, 64, 1024} {
		src, dst := reference.Random(1, n, 1).Sample(1), make([]int8, n)
		for _, k := range quant.Kernels() {
			if err := quant.Use(k); err != nil {
				b.Fatal(err)
			}
			b.Run(strconv.Itoa(n)+"/"+k, func(b *testing.B) {
				for b.Loop() {
					quant.Params{Scale: 0.03}.Quantise(dst, src)
				}
			})
		}
	}
}

// BenchmarkSumRows is equation (9) for precision matrices of several numbers of channels,
// and for 15 rows of 8.
func BenchmarkSumRows(b *testing.B) {
	for _, c := range [][2]int{{15, 8}, {52, 52}} {
		dst, rows, weights := make([]float32, c[1]), make([]float32, c[0]*c[1]), make([]float32, c[0])
		for _, k := range quant.Kernels() {
			if err := quant.Use(k); err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%dx%d/%s", c[0], c[1], k), func(b *testing.B) {
				for b.Loop() {
					quant.SumRows(dst, rows, weights)
				}
			})
		}
	}
}
