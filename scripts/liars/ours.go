package main

import (
	"context"
	"errors"
	"time"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/modbus"
)

// ours reads with drivers/modbus.
type ours struct {
	line *modbus.Line
	dev  *modbus.Dev
}

func openOurs(s scene, addr string) (reader, error) {
	line := modbus.NewLine(modbus.Dial(addr), s.line)
	s.opts.Pause, s.opts.MaxPause, s.opts.MaxGap = 5*time.Millisecond, 30*time.Millisecond, 8
	dev, err := modbus.New(line, 7, s.regs, s.opts)
	if err != nil {
		return nil, errors.Join(err, line.Close())
	}
	return &ours{line, dev}, nil
}

func (o *ours) read(dst []float64) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := o.dev.Read(ctx, dst)
	doubtful := map[string]bool{}
	doubts(err, doubtful)
	return doubtful, err
}

func (o *ours) close() { o.line.Close() }

// doubts notes the channels whose values an error doubts.
func doubts(err error, names map[string]bool) {
	var part *drivers.PartError
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			doubts(e, names)
		}
	} else if errors.As(err, &part) && part.Doubtful {
		for _, name := range part.Channels {
			names[name] = true
		}
	}
}
