package judge_test

import (
	"context"
	"fmt"
	"math"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

// A pump is learnt from a recording; then its flow no longer follows its speed.
func Example() {
	schema := model.Schema{Period: time.Second, Channels: []model.Channel{{Name: "pump.speed", Unit: "Hz"}, {Name: "pump.flow", Unit: "m³/h"}, {Name: "pump.power", Unit: "kW"}}}
	pump := func(i int) []float64 {
		speed := 40 + 3*math.Sin(float64(i)/5) + 0.2*math.Sin(float64(i*i))
		return []float64{speed, speed/2 + 0.1*math.Cos(float64(i*i)), speed/10 + 0.02*math.Sin(float64(3*i*i))}
	}
	var rows []float64
	for i := range 600 {
		rows = append(rows, pump(i)...)
	}

	policy := detect.DefaultPolicy("pump1", schema.Channels)
	begin := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	learnt, _, err := train.Train(context.Background(), schema, rows, judge.TrainOptions(policy, judge.TrainingSet{Rows: rows}, begin))
	if err != nil {
		fmt.Println(err)
		return
	}

	j, err := judge.New(judge.Options{Policy: policy})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := j.Use(learnt); err != nil {
		fmt.Println(err)
		return
	}
	for i := range 300 {
		row := pump(600 + i)
		if i >= 100 && i < 150 {
			row[1] *= 0.9 // a valve is half closed
		}
		v := j.Push(begin.Add(time.Duration(i)*time.Second), row)
		for _, ev := range v.Events {
			if ev.State != detect.Update {
				fmt.Printf("%s %s, cause %s\n", ev.Kind, ev.State, ev.Causes[0].Channel)
			}
		}
	}
	// Output:
	// process_anomaly open, cause pump.flow
	// process_anomaly close, cause pump.flow
}
