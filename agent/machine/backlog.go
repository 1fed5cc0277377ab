package machine

import (
	"time"

	"iot-edge-anomaly/agent/sampler"
)

// backlogMost bounds the bytes of one machine's rows that wait for a model; beyond, the
// oldest give way.
const backlogMost = 2 << 20

// backlog keeps the newest rows, oldest first. The zero value keeps none.
type backlog struct {
	channels int
	limit    int
	first    int // of the ring
	times    []time.Time
	values   []float64 // (len(times), channels)
	gone     int       // rows that gave way
}

// newBacklog keeps rows of at most so many bytes; 0 = backlogMost.
func newBacklog(channels, bytes int) backlog {
	if bytes <= 0 || bytes > backlogMost {
		bytes = backlogMost
	}
	return backlog{channels: channels, limit: max(1, bytes/(8*(channels+3)))}
}

func (b *backlog) add(f *sampler.Frame) {
	switch {
	case b.limit == 0:
	case len(b.times) < b.limit:
		b.times = append(b.times, f.Time)
		b.values = append(b.values, f.Values...)
	default:
		b.gone++
		b.times[b.first] = f.Time
		copy(b.values[b.first*b.channels:], f.Values)
		b.first = (b.first + 1) % b.limit
	}
}

func (b *backlog) len() int { return len(b.times) }

// row is the i-th oldest row.
func (b *backlog) row(i int) (time.Time, []float64) {
	i = (b.first + i) % len(b.times)
	return b.times[i], b.values[i*b.channels : (i+1)*b.channels]
}
