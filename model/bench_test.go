package model_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
	"iot-edge-anomaly/quant"
)

// plant returns n rows of c channels that follow one load.
func plant(c, n int) []float64 {
	r := rand.New(rand.NewPCG(1, uint64(c)))
	rows := make([]float64, 0, n*c)
	load := 0.0
	for range n {
		load += r.NormFloat64() - load/16
		for j := range c {
			rows = append(rows, 20+load/float64(1+j%5)+0.3*r.NormFloat64())
		}
	}
	return rows
}

// BenchmarkPush is one row from physical units to a score, with each kernel of
// this CPU: whole, and the network of it alone.
func BenchmarkPush(b *testing.B) {
	before := quant.Kernel()
	defer func() {
		if err := quant.Use(before); err != nil {
			b.Error(err)
		}
	}()
	for _, c := range []int{8, 16, 52} {
		var s model.Schema
		for j := range c {
			s.Channels = append(s.Channels, model.Channel{Name: fmt.Sprintf("plant.c%d", j)})
		}
		rows := plant(c, 512)
		learnt, _, err := train.Train(context.Background(), s, rows, train.Options{Seed: 1, Epochs: 3})
		if err != nil {
			b.Fatal(err)
		}
		for _, k := range quant.Kernels() {
			if err := quant.Use(k); err != nil {
				b.Fatal(err)
			}
			m, err := model.New(learnt.Parts())
			if err != nil {
				b.Fatal(err)
			}
			name := fmt.Sprintf("channels=%d/kernel=%s/", c, k)
			b.Run(name+"row", func(b *testing.B) {
				sc, i := model.NewScorer(m), 0
				b.ReportAllocs()
				for b.Loop() {
					sc.Push(rows[c*i : c*(i+1)])
					i = (i + 1) & 511
				}
			})
			b.Run(name+"network", func(b *testing.B) {
				p := m.Parts()
				net, err := p.Newest()
				if err != nil {
					b.Fatal(err)
				}
				in := p.GoldenIn[:net.In()]
				out := make([]float32, net.Out())
				b.ReportAllocs()
				for b.Loop() {
					net.Forward(out, in)
				}
			})
		}
	}
}
