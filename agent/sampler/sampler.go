package sampler

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Cell says where one channel of a machine comes from.
type Cell struct {
	Sensor string
	Index  int // in the sensor's channels
}

// MachineSpec is one machine: its channels in row order and its period.
type MachineSpec struct {
	Name   string
	Period time.Duration
	Cells  []Cell
}

// framesAhead is how many rows may wait for the consumer before the oldest is
// dropped: enough for a burst of training or a slow fsync, few enough that an
// alarm is never about the distant past.
const framesAhead = 32

// Sampler completes one row of one machine at each tick. Frames and Release
// are for one consumer; the counters are safe for concurrent use.
type Sampler struct {
	name    string
	period  time.Duration
	cells   []cell
	derived []*derivedCell // in an order in which each finds its inputs complete
	sensors []*sensorState // those of the cells, each once
	wake    chan struct{}
	stop    context.CancelFunc // nil = not started
	done    chan struct{}      // closed when run has ended
	frames  chan *Frame
	free    chan *Frame

	derivedMu sync.Mutex // guards derivedAt, and the newest values and counters of derived
	derivedAt time.Time  // of the newest row

	rows    atomic.Uint64
	dropped atomic.Uint64
	late    atomic.Uint64
	flags   []*flagCounts
}

// cell is a measured channel.
type cell struct {
	row    int // its place in the row
	sensor *sensorState
	index  int           // in the sensor's channels
	maxAge time.Duration // how long a value may be used; 0 = only in the row that it was read for
	flags  *flagCounts
}

// flagCounts counts the flags of one sensor's cells in the machine's rows.
type flagCounts struct {
	sensor string
	n      [Missing + 1]atomic.Uint64 // by Quality
}

func newSampler(m MachineSpec, g *Group) (*Sampler, error) {
	s := &Sampler{name: m.Name, period: m.Period, wake: make(chan struct{}, 1), done: make(chan struct{}),
		frames: make(chan *Frame, framesAhead), free: make(chan *Frame, framesAhead+2)}
	counts := map[*sensorState]*flagCounts{}
	for i, c := range m.Cells {
		from := g.sensors[c.Sensor]
		if from == nil {
			continue // a derived channel
		}
		if counts[from] == nil {
			counts[from] = &flagCounts{sensor: from.name}
			s.flags = append(s.flags, counts[from])
			s.sensors = append(s.sensors, from)
			from.mu.Lock()
			from.notify = append(from.notify, s.wake)
			from.mu.Unlock()
		}
		s.cells = append(s.cells, cell{i, from, c.Index, from.usableFor(m.Period), counts[from]})
	}
	n := len(m.Cells)
	for range framesAhead + 2 {
		s.free <- &Frame{Values: make([]float64, n), Quality: make([]Quality, n), At: make([]time.Time, n), Raw: make([]float64, n)}
	}
	return s, s.derive(m, g)
}

// Frames delivers the rows; it is closed when the sampler stops. Every frame
// received must be given back by Release.
func (s *Sampler) Frames() <-chan *Frame { return s.frames }

// Release gives a frame back for reuse.
func (s *Sampler) Release(f *Frame) { s.free <- f }

// Rows counts the rows completed; the watchdog looks at it.
func (s *Sampler) Rows() uint64 { return s.rows.Load() }

// RowStats are the counters of one Sampler since it was made.
type RowStats struct {
	Dropped uint64  // rows thrown away because the consumer was behind, or never made because the process did not run
	Late    uint64  // rows completed only at the end of the period because a sensor had not answered
	Flags   []Flags // every flag of every sensor
}

// Stats copies the counters.
func (s *Sampler) Stats() RowStats {
	return RowStats{Dropped: s.dropped.Load(), Late: s.late.Load(), Flags: s.Flags()}
}

// Flags is how many cells of one sensor in the machine's rows carried a flag.
type Flags struct {
	Sensor  string
	Quality Quality
	N       uint64
}

// Flags copies the counters, every flag of every sensor.
func (s *Sampler) Flags() []Flags {
	out := make([]Flags, 0, len(s.flags)*len(Qualities))
	for _, c := range s.flags {
		for _, q := range Qualities {
			out = append(out, Flags{c.sensor, q, c.n[q].Load()})
		}
	}
	return append(out, s.derivedFlags()...)
}

// run completes a row at each tick until ctx is done.
func (s *Sampler) run(ctx context.Context, epoch time.Time) {
	defer close(s.done)
	defer close(s.frames)
	timer := time.NewTimer(0)
	defer timer.Stop()
	tick := nextTick(epoch, s.period, time.Now())
	for {
		if !sleepUntil(ctx, timer, tick) || !s.gather(ctx, timer, tick) {
			return
		}
		s.emit(tick)
		tick = s.after(tick, epoch, time.Now())
	}
}

// after is the tick to make a row for after that of tick. Ticks that are over by more
// than a period, because the process did not run for a while, are rows lost.
func (s *Sampler) after(tick, epoch, now time.Time) time.Time {
	tick = tick.Add(s.period)
	if !tick.Add(s.period).Before(now) {
		return tick
	}
	next := nextTick(epoch, s.period, now)
	s.dropped.Add(uint64(next.Sub(tick) / s.period))
	return next
}

// sleepUntil waits for t. It returns false if ctx is done.
func sleepUntil(ctx context.Context, timer *time.Timer, t time.Time) bool {
	timer.Reset(time.Until(t))
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// gather waits until every sensor has been read for the tick, at most until just
// before the next tick. It returns false if ctx is done: a read that this has
// interrupted brought no values, and its row would not be whole.
func (s *Sampler) gather(ctx context.Context, timer *time.Timer, tick time.Time) bool {
	timer.Reset(time.Until(tick.Add(s.period - s.period/20)))
	for !s.complete(tick) {
		select {
		case <-ctx.Done():
			return false
		case <-s.wake:
		case <-timer.C:
			s.late.Add(1)
			return ctx.Err() == nil
		}
	}
	return ctx.Err() == nil
}

func (s *Sampler) complete(tick time.Time) bool {
	for _, from := range s.sensors {
		from.mu.Lock()
		ok := from.fresh(tick)
		from.mu.Unlock()
		if !ok {
			return false
		}
	}
	return true
}

// today is the moment of tick by the wall clock of now: ticks are counted from the start,
// and the clock may have been set since.
func today(tick, now time.Time) time.Time { return now.Add(tick.Sub(now)) }

// emit fills a frame and hands it on. When the consumer is behind, it drops the
// oldest waiting row.
func (s *Sampler) emit(tick time.Time) {
	var f *Frame
	select {
	case f = <-s.free:
	default:
		f = <-s.frames
		s.dropped.Add(1)
	}
	f.Time = today(tick, time.Now())
	for i := range s.cells {
		s.cells[i].fill(f)
	}
	s.compute(f)
	for sent := false; !sent; {
		select {
		case s.frames <- f:
			sent = true
		default:
			select {
			case old := <-s.frames:
				s.dropped.Add(1)
				s.free <- old
			default: // the consumer took it in between
			}
		}
	}
	s.rows.Add(1)
}

// fill writes the cell into the frame: a value only where it is Good.
func (c *cell) fill(f *Frame) {
	i, v := c.row, c.sensor.valueAt(f.Time, c.index, c.maxAge)
	f.At[i], f.Quality[i], f.Values[i], f.Raw[i] = v.at, v.quality, math.NaN(), v.value
	switch v.quality {
	case Good:
		f.Values[i] = v.value
	case Stale, Missing:
		f.Raw[i] = math.NaN()
	}
	c.flags.n[v.quality].Add(1)
}

func fillNaN(dst []float64) {
	for i := range dst {
		dst[i] = math.NaN()
	}
}
