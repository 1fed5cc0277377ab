package sampler

import (
	"context"
	"math"
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

// framesAhead is how many rows may wait for the detector before the oldest is
// dropped: long enough for a training burst or a slow fsync, short enough that
// an alarm is never about the distant past.
const framesAhead = 32

// Sampler completes one row of one machine at each tick. Frames and Release
// are for one consumer; the counters are safe for concurrent use.
type Sampler struct {
	name   string
	period time.Duration
	cells  []cell
	slots  []*slot // distinct, those the cells point at
	wake   chan struct{}
	frames chan *Frame
	free   chan *Frame

	rows    atomic.Uint64
	dropped atomic.Uint64
	late    atomic.Uint64
	users   []*user
}

type cell struct {
	slot   *slot
	index  int
	maxAge time.Duration // how long a value stands; 0 = for its own period's rows only
	user   *user
}

// user is one of the machine's sensors with the flags its cells have had.
type user struct {
	sensor string
	flags  [Missing + 1]atomic.Uint64 // by Quality
}

func newSampler(m MachineSpec, slots map[string]*slot) *Sampler {
	s := &Sampler{name: m.Name, period: m.Period, wake: make(chan struct{}, 1),
		frames: make(chan *Frame, framesAhead), free: make(chan *Frame, framesAhead+2)}
	users := map[*slot]*user{}
	for _, c := range m.Cells {
		sl := slots[c.Sensor]
		if users[sl] == nil {
			users[sl] = &user{sensor: sl.name}
			s.users = append(s.users, users[sl])
			s.slots = append(s.slots, sl)
			sl.notify = append(sl.notify, s.wake)
		}
		s.cells = append(s.cells, cell{sl, c.Index, sl.standsFor(m.Period), users[sl]})
	}
	n := len(m.Cells)
	for range framesAhead + 2 {
		s.free <- &Frame{Values: make([]float64, n), Quality: make([]Quality, n), At: make([]time.Time, n), Raw: make([]float64, n)}
	}
	return s
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
	Dropped uint64  // rows thrown away because the consumer was behind
	Late    uint64  // rows completed only at the end of the period because a sensor had not answered
	Flags   []Flags // every flag of every sensor
}

// Stats copies the counters.
func (s *Sampler) Stats() RowStats {
	return RowStats{Dropped: s.dropped.Load(), Late: s.late.Load(), Flags: s.Flags()}
}

// Flags counts the cells of the machine's rows that carried a flag, by sensor.
type Flags struct {
	Sensor  string
	Quality Quality
	N       uint64
}

// Flags copies the counters, every flag of every sensor.
func (s *Sampler) Flags() []Flags {
	out := make([]Flags, 0, len(s.users)*len(Qualities))
	for _, u := range s.users {
		for _, q := range Qualities {
			out = append(out, Flags{u.sensor, q, u.flags[q].Load()})
		}
	}
	return out
}

// run completes a row at each tick until ctx is done.
func (s *Sampler) run(ctx context.Context, epoch time.Time) {
	defer close(s.frames)
	timer := time.NewTimer(0)
	defer timer.Stop()
	tick := nextTick(epoch, s.period, time.Now())
	for {
		if !sleepUntil(ctx, timer, tick) || !s.gather(ctx, timer, tick) {
			return
		}
		s.emit(tick)
		tick = tick.Add(s.period)
		if now := time.Now(); tick.Add(s.period).Before(now) {
			tick = nextTick(epoch, s.period, now) // the process was stopped for a while
		}
	}
}

// sleepUntil waits for t and reports whether ctx still lives.
func sleepUntil(ctx context.Context, timer *time.Timer, t time.Time) bool {
	timer.Reset(time.Until(t))
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// gather waits until every slot has been read for the tick, at most until just
// before the next one. It reports whether ctx still lives.
func (s *Sampler) gather(ctx context.Context, timer *time.Timer, tick time.Time) bool {
	timer.Reset(time.Until(tick.Add(s.period - s.period/20)))
	for !s.complete(tick) {
		select {
		case <-ctx.Done():
			return false
		case <-s.wake:
		case <-timer.C:
			s.late.Add(1)
			return true
		}
	}
	return true
}

func (s *Sampler) complete(tick time.Time) bool {
	for _, sl := range s.slots {
		sl.mu.Lock()
		ok := sl.fresh(tick)
		sl.mu.Unlock()
		if !ok {
			return false
		}
	}
	return true
}

// emit fills a frame and hands it on; when the consumer is behind the oldest
// waiting row makes room.
func (s *Sampler) emit(tick time.Time) {
	var f *Frame
	select {
	case f = <-s.free:
	default:
		f = <-s.frames
		s.dropped.Add(1)
	}
	f.Time = tick
	for i := range s.cells {
		s.cells[i].fill(f, i)
	}
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

// fill writes the cell into the frame: a number only where it is Good.
func (c *cell) fill(f *Frame, i int) {
	m := c.slot.valueAt(f.Time, c.index, c.maxAge)
	f.At[i], f.Quality[i], f.Values[i], f.Raw[i] = m.at, m.quality, math.NaN(), m.value
	switch m.quality {
	case Good:
		f.Values[i] = m.value
	case Stale, Missing:
		f.Raw[i] = math.NaN()
	}
	c.user.flags[m.quality].Add(1)
}

func fill(dst []float64) {
	for i := range dst {
		dst[i] = math.NaN()
	}
}
