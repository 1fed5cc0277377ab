package driverstest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"iot-edge-anomaly/drivers"
)

// line is the smallest thing that can fail.
type line struct {
	n      int64
	skip   int
	once   bool
	err    error
	closed bool
}

func (l *line) tx() error {
	l.n++
	if l.err == nil {
		return nil
	}
	if l.skip > 0 {
		l.skip--
		return nil
	}
	err := l.err
	if l.once {
		l.err = nil
	}
	return err
}

// sensor does everything right with two transactions a read, unless a sin is
// named.
type sensor struct {
	l    *line
	sin  string
	read int
	leak []byte
}

func (s *sensor) Channels() []drivers.Channel {
	c := []drivers.Channel{{Name: "a"}, {Name: "b"}}
	switch {
	case s.sin == "duplicate":
		c[1].Name = "a"
	case s.sin == "unnamed":
		c[0].Name = ""
	case s.sin == "none":
		return nil
	case s.sin == "changing" && s.read > 0:
		c[0].Name = "c"
	}
	return c
}

func (s *sensor) Close() error {
	if s.sin == "closes line" {
		s.l.closed = true
	}
	return nil
}

func (s *sensor) Read(ctx context.Context, dst []float64) error {
	s.read++
	if s.sin == "allocates" {
		s.leak = make([]byte, 100)
	}
	if s.sin != "stale" {
		for i := range dst {
			dst[i] = math.NaN()
		}
	}
	if len(dst) != 2 && s.sin != "length" {
		return fmt.Errorf("dst has %d cells, want 2", len(dst))
	}
	if s.sin == "late context" {
		if err := s.l.tx(); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil && s.sin != "no context" {
		if s.sin == "foreign context error" {
			return errors.New("cancelled")
		}
		return err
	}
	for i := range dst {
		if err := s.l.tx(); err != nil {
			switch s.sin {
			case "invents":
				dst[i] = 0
			case "hides cause":
				return errors.New("read failed")
			case "silent":
				return nil
			case "never heals":
				s.l.err, s.l.skip, s.l.once = err, 0, false
				s.l = &line{err: err}
			}
			return fmt.Errorf("reading cell %d: %w", i, err)
		}
		dst[i] = float64(i + 1)
		if s.sin == "infinite" {
			dst[i] = math.Inf(1)
		}
	}
	return nil
}

func fixture(sin string) Fixture {
	l := &line{}
	return Fixture{
		Sensor:     &sensor{l: l, sin: sin},
		Fail:       func(err error) { l.err, l.skip, l.once = err, 0, false },
		FailAfter:  func(skip int, err error) { l.err, l.skip, l.once = err, skip, true },
		Traffic:    func() int64 { return l.n },
		LineClosed: func() bool { return l.closed },
	}
}

func TestRun(t *testing.T) {
	Run(t, func(*testing.T) Fixture { return fixture("") }, Options{})
}

// Each sin is found by the check that is there for it.
func TestChecksFind(t *testing.T) {
	for _, c := range []struct {
		sin   string
		check func(Fixture, Options) error
		want  string
	}{
		{"duplicate", checkChannels, "duplicate"},
		{"unnamed", checkChannels, "empty"},
		{"none", checkChannels, "there are none"},
		{"changing", checkChannels, "after"},
		{"infinite", checkRead, "+Inf"},
		{"length", checkLength, "no error"},
		{"stale", checkLength, "want NaN"},
		{"stale", checkFault, "want NaN"},
		{"invents", checkFault, "want NaN"},
		{"silent", checkFault, "no error"},
		{"hides cause", checkFault, "does not wrap"},
		{"never heals", checkFault, "injected fault"},
		{"stale", checkSteps, "was not written"},
		{"silent", checkSteps, "without an error"},
		{"hides cause", checkSteps, "does not wrap"},
		{"no context", checkContext, "no error"},
		{"late context", checkContext, "want none"},
		{"foreign context error", checkContext, "not the context's"},
		{"closes line", checkClose, "closed the line"},
		{"allocates", checkAllocs, "1 allocations"},
	} {
		t.Run(c.sin, func(t *testing.T) {
			err := c.check(fixture(c.sin), Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestRun_opaque(t *testing.T) {
	Run(t, func(*testing.T) Fixture { return fixture("hides cause") }, Options{Opaque: true})
}
