package model_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

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

// BenchmarkPush is one row from physical units to a score, with each kernel of this CPU:
// the whole row, and its network alone.
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
		rows := plant(c, 2048) // enough for peers
		learnt, _, err := train.Train(context.Background(), s, rows, train.Options{Seed: 1, Epochs: 3})
		if err != nil {
			b.Fatal(err)
		}
		for _, k := range quant.Kernels() {
			if err := quant.Use(k); err != nil {
				b.Fatal(err)
			}
			m, err := model.New(learnt.Parameters())
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
				p := m.Parameters()
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

// BenchmarkDrift is one row with 16 and 1,000 channels, looks included.
func BenchmarkDrift(b *testing.B) {
	for _, c := range []int{16, 1000} {
		b.Run(strconv.Itoa(c), func(b *testing.B) {
			s := model.Schema{Period: time.Minute}
			for i := range c {
				s.Channels = append(s.Channels, model.Channel{Name: strconv.Itoa(i)})
			}
			d := model.NewDrift(wide(b, s))
			row := make([]float64, c)
			b.ReportAllocs()
			longest, i := time.Duration(0), 0
			for b.Loop() {
				for j := range row {
					row[j] = float64((i*7919+j)%1024) / 1024
				}
				start := time.Now()
				if d.Push(row, 0.5) {
					longest = max(longest, time.Since(start))
				}
				i++
			}
			b.ReportMetric(float64(longest.Microseconds()), "µs/look")
		})
	}
}

// wide returns a model of so many channels that holds a drift reference only.
func wide(b *testing.B, s model.Schema) *model.Model {
	b.Helper()
	c := len(s.Channels)
	full := func(n int, v float32) []float32 { return slices.Repeat([]float32{v}, n) }
	p := model.Parameters{Schema: s, Window: 1, Mean: 1, Smooth: 1, SmoothFast: 1, Clip: 8,
		Center: make([]float64, c), Spread: slices.Repeat([]float64{1}, c), Step: slices.Repeat([]float64{1}, c), Rough: make([]int32, c), Still: full(c, 0),
		Layers: []model.Layer{
			{In: c, Out: 1, Weights: make([]int8, c), Bias: []int32{0}, Mult: full(1, 1), FloatW: full(c, 0), FloatBias: full(1, 0)},
			{In: 1, Out: c, Weights: make([]int8, c), Bias: make([]int32, c), Mult: full(c, 1), FloatW: full(c, 0), FloatBias: full(c, 0)}},
		ResidualCenter: full(c, 0), ResidualScale: full(c, 1), LevelCenter: full(c, 0), LevelScale: full(c, 1), Precision: full(c*c, 0),
		Limits: full(model.Terms, 1), Ranks: []float32{0, 0.5}, Percentiles: []float32{0, 1}, GoldenIn: full(c, 0), GoldenOut: full(c, 0),
		MissingMargin: full(c, 0), DriftRows: slices.Repeat([]int32{10000}, c), DriftTime: full(c, 1), DriftScore: []float32{-1, 0.5, 10}}
	for j := range c {
		p.Precision[j*c+j] = 1
	}
	for k := range 33 {
		p.Drift = append(p.Drift, slices.Repeat([]float64{float64(k) / 32}, c)...)
	}
	m, err := model.New(p)
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// BenchmarkPush_ahead is BenchmarkPush with Ahead, four rows at a time.
func BenchmarkPush_ahead(b *testing.B) {
	s, rows := model.NewScorer(machine(b)), stream(512, 2)
	b.ReportAllocs()
	i := 0
	at := func(k int) []float64 { return rows[3*(i+k) : 3*(i+k)+3] }
	for b.Loop() {
		if i%quant.Windows == 0 {
			s.Ahead(at(0), at(1), at(2), at(3))
		}
		s.Push(at(0))
		i = (i + 1) & 511
	}
}
