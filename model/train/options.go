package train

import (
	"context"
	"runtime"
	"time"

	"iot-edge-anomaly/model"
)

// Options says how to learn. The zero value is the default.
type Options struct {
	Seed     uint64    // equal seeds give equal files
	Epochs   int       // passes over the windows; 0 = chosen by their number
	Workers  int       // goroutines; 0 = one per CPU. They do not change the result
	Duty     float64   // fraction of the time in which Train may compute; 0 or 1 = all
	Horizon  int       // rows until the next relearning; 0 = 1.5 times the learning rows
	Version  string    // the model's name
	Coverage *Coverage // hours of the week from which the running rows come; nil = unknown
	Gaps     []int     // indices, ascending, of rows that only stand for a gap in time; Report does not count them

	// Reference is the network that is calibrated and runs; anything but
	// model.Int8 is for measurements.
	Reference model.Reference

	// The alarm policy for which the threshold is set.
	FalseAlarms float64 // tolerated per 30 days of running time; 0 = 1
	N, M        int     // an event opens when N of the last M scores exceed 1; 0 = 3 of 5

	Details *Details // if not nil, Train fills it

	Progress func(Progress) // called from Train's goroutine, a few times a second at most; may be nil
}

// Progress tells how far Train is.
type Progress struct {
	Phase     string        // "preparing", "training", "calibrating"
	Done      float64       // of the whole, 0 to 1
	Remaining time.Duration // estimated; 0 = unknown
	Loss      float64       // of the last epoch; 0 before the first
}

// pacer limits the fraction of time spent computing, reports progress, and notices a
// cancelled context.
type pacer struct {
	ctx    context.Context
	duty   float64
	report func(Progress)
	start  time.Time
	awake  time.Time // start of the present slice of computing
	timer  *time.Timer
	told   time.Time // of the last report
}

const (
	slice    = 2 * time.Millisecond   // computed without a pause, roughly: whoever reads sensors on the same core waits for it
	tellWait = 250 * time.Millisecond // between two reports
)

func newPacer(ctx context.Context, o Options) *pacer {
	now := time.Now()
	return &pacer{ctx: ctx, duty: o.Duty, report: o.Progress, start: now, awake: now, timer: time.NewTimer(time.Hour)}
}

// step is called after every small piece of work. It returns the context's error once
// the context is done.
func (p *pacer) step(phase string, done, loss float64) error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	now := time.Now()
	if p.report != nil && now.Sub(p.told) >= tellWait {
		p.told = now
		p.tell(phase, done, loss)
	}
	p.pause()
	return p.ctx.Err()
}

// pause ends a slice of computing: others that wait for the processor run, and the
// duty is kept. It is called inside pieces of work that may take longer than a slice,
// by one goroutine. A nil pacer does not pause.
func (p *pacer) pause() {
	if p == nil {
		return
	}
	worked := time.Since(p.awake)
	if worked < slice {
		return
	}
	if p.duty <= 0 || p.duty >= 1 {
		runtime.Gosched()
	} else {
		p.timer.Reset(time.Duration(float64(worked) * (1 - p.duty) / p.duty))
		select {
		case <-p.ctx.Done():
		case <-p.timer.C:
		}
	}
	p.awake = time.Now()
}

// tell reports progress.
func (p *pacer) tell(phase string, done, loss float64) {
	if p.report == nil {
		return
	}
	var left time.Duration
	if done > 0.02 {
		left = time.Duration(float64(time.Since(p.start)) * (1 - done) / done)
	}
	p.report(Progress{Phase: phase, Done: done, Remaining: left, Loss: loss})
}

// falseAlarms returns FalseAlarms or its default.
func (o Options) falseAlarms() float64 {
	if o.FalseAlarms > 0 {
		return o.FalseAlarms
	}
	return 1
}

// open returns N and M or their defaults.
func (o Options) open() (n, m int) {
	if o.N < 1 || o.M < o.N {
		return 3, 5
	}
	return o.N, o.M
}

// workers returns the number of goroutines, at most one per shard.
func (o Options) workers() int {
	if o.Workers > 0 {
		return min(o.Workers, shards)
	}
	return min(runtime.GOMAXPROCS(0), shards)
}
