package model_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// pumpRows returns n rows of a pump: current and flow follow one load.
func pumpRows(n int) []float64 {
	rows, load, seed := make([]float64, 0, 2*n), 0.0, uint32(1)
	noise := func() float64 { // -1 to 1
		seed = seed*1664525 + 1013904223
		return float64(seed>>8)/(1<<23) - 1
	}
	for range n {
		load = 0.9*load + noise()
		rows = append(rows, 5+0.3*load+0.05*noise(), 120+8*load+noise())
	}
	return rows
}

// Learn a pump from the rows of a recording, encode and decode the model as a file, and
// score rows of which the last have too little flow for their current.
func Example() {
	schema := model.Schema{Period: time.Second, Channels: []model.Channel{
		{Name: "pump.current", Unit: "A"}, {Name: "pump.flow", Unit: "l/min"}}}
	learnt, report, err := train.Train(context.Background(), schema, pumpRows(1000), train.Options{Seed: 1, Version: "pump-1"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("learnt from", report.Used, "rows")

	file, err := learnt.Encode()
	if err != nil {
		log.Fatal(err)
	}
	m, err := model.Decode(file)
	if err != nil {
		log.Fatal(err)
	}
	if err := m.CheckSchema(schema); err != nil {
		log.Fatal(err)
	}

	scorer, rows := model.NewScorer(m), pumpRows(300)
	healthy, above := 0, 0
	for i := 0; i < len(rows); i += 2 {
		if i/2 >= 250 {
			rows[i+1] -= 30
		}
		score, ok := scorer.Push(rows[i : i+2])
		switch {
		case !ok: // the window fills
		case i/2 < 250:
			healthy++
			if score.Value > 1 {
				above++
			}
		case i/2 == 299:
			fmt.Printf("of %d healthy rows %d are above the threshold\n", healthy, above)
			fmt.Println("fault found:", score.Value > 1, "- flow is expected to be higher:", score.Expected[1] > score.Values[1])
		}
	}
	// Output:
	// learnt from 1000 rows
	// of 217 healthy rows 0 are above the threshold
	// fault found: true - flow is expected to be higher: true
}
