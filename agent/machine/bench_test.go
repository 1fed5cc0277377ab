package machine

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
	"iot-edge-anomaly/quant"
)

// watched are the options of a machine of c channels with a learnt model, and
// 2,048 of its rows, as many as block maxima need.
func watched(b *testing.B, c int) (Options, [][]float64) {
	s := model.Schema{Period: 100 * time.Millisecond}
	o := Options{Report: &collected{}, Log: slog.New(slog.DiscardHandler), Inference: func(float64) {}, Score: func(float64) {}}
	for j := range c {
		name := fmt.Sprintf("pump.c%d", j)
		s.Channels = append(s.Channels, model.Channel{Name: name})
		o.Limits = append(o.Limits, detect.Limit{Channel: name, Index: j, Warn: 80, Alarm: 90, WarnLow: math.NaN(), AlarmLow: math.NaN()})
		o.Sensors = append(o.Sensors, "pump")
	}
	o.Schema, o.Models = s, state.OpenModels(filepath.Join(b.TempDir(), "models"))
	o.Policy = detect.DefaultPolicy("pump1", s.Channels)
	rnd := rand.New(rand.NewPCG(1, uint64(c)))
	var flat []float64
	var rows [][]float64
	load := 0.0
	for range 2048 {
		load += rnd.NormFloat64() - load/16
		for j := range c {
			flat = append(flat, 20+load/float64(1+j%5)+0.3*rnd.NormFloat64())
		}
		rows = append(rows, flat[len(flat)-c:])
	}
	m, _, err := train.Train(b.Context(), s, flat, train.Options{Seed: 1, Epochs: 3, Version: "v1"})
	if err != nil {
		b.Fatal(err)
	}
	if m.Parameters().Window != 16 {
		b.Fatalf("window of %d rows, want 16", m.Parameters().Window)
	}
	if _, err := o.Models.Add(m, s); err != nil {
		b.Fatal(err)
	}
	return o, rows
}

// BenchmarkRow is one row from values to what becomes of it: limits, score,
// event, status. One machine of 8 channels, and 64 of 16 channels in turn, for
// which it tells what they take of a core at 10 rows a second each. The portable
// loops first, then the best kernel of this CPU. least-ns/row is the shortest of
// many bursts: what else the machine does makes the mean longer.
func BenchmarkRow(b *testing.B) {
	before := quant.Kernel()
	b.Cleanup(func() {
		if err := quant.Use(before); err != nil {
			b.Error(err)
		}
	})
	for _, size := range [][2]int{{1, 8}, {64, 16}} {
		machines, c := size[0], size[1]
		o, rows := watched(b, c)
		kernels := quant.Kernels()
		for _, k := range []string{kernels[0], kernels[len(kernels)-1]} {
			if err := quant.Use(k); err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("machines=%d/channels=%d/kernel=%s", machines, c, k), func(b *testing.B) {
				benchmarkRow(b, machines, o, rows)
			})
		}
	}
}

func benchmarkRow(b *testing.B, machines int, o Options, rows [][]float64) {
	fleet := make([]*Machine, machines)
	for i := range fleet {
		m, err := New(o)
		if err != nil {
			b.Fatal(err)
		}
		fleet[i] = m
	}
	ctx := context.Background()
	fr := &sampler.Frame{Time: time.Now(), Quality: make([]sampler.Quality, len(rows[0]))}
	i := 0
	push := func() {
		if i%machines == 0 {
			fr.Time = fr.Time.Add(o.Schema.Period)
		}
		fr.Values = rows[i/machines%len(rows)]
		fleet[i%machines].row(ctx, fr)
		i++
	}
	for range 100 * machines {
		push()
	}
	if fleet[machines-1].Status().Scored == 0 {
		b.Fatal("no scores")
	}
	b.ReportAllocs()
	const burst = 256
	least := math.Inf(1)
	for n, start := 0, time.Now(); b.Loop(); {
		push()
		if n++; n == burst {
			least = min(least, float64(time.Since(start).Nanoseconds())/burst)
			n, start = 0, time.Now()
		}
	}
	if math.IsInf(least, 1) {
		return // a trial of a few rows
	}
	const perSecond = 10
	b.ReportMetric(least, "least-ns/row")
	b.ReportMetric(100e-9*least*float64(machines)*perSecond, "%core@10Hz")
}
