package report

import "time"

// Quality of the wall clock.
const (
	Synced  = "synced"  // it was set by a time server
	Unset   = "unset"   // its date is impossible
	Unknown = "unknown" // its date is possible, but nothing confirms it
)

// corrected is the quality of a time that was computed from its uptime when the
// message was published: the clock was set after the message was made.
const corrected = "corrected"

// leastStep is the difference from which on a clock was set and not only measured
// again.
const leastStep = time.Second

// Clock is one reading of the clocks, all taken at the same moment.
type Clock struct {
	Now     time.Time     // with the monotonic reading
	Uptime  time.Duration // since the boot that Device.Boot names; 0 = unknown
	Quality string        // Synced, Unset or Unknown
}

// quality returns c.Quality, or Unknown if that is not a value of the schema.
func (c Clock) quality() string {
	if c.Quality == Synced || c.Quality == Unset {
		return c.Quality
	}
	return Unknown
}

// stamp is a moment that is known by the wall clock, by the uptime of a boot,
// by both, or by neither.
type stamp struct {
	Wall time.Time     `json:"wall,omitzero"`
	Sure bool          `json:"sure,omitempty"` // Wall was taken from a synced clock
	Boot string        `json:"boot,omitempty"` // the boot that Up counts from; "" = Up is unknown
	Up   time.Duration `json:"up,omitempty"`
}

// stamp returns t as this clock knows it. A time without monotonic reading is
// taken as a wall time that is certain.
func (c Clock) stamp(boot string, t time.Time) stamp {
	if t.IsZero() {
		return stamp{}
	}
	if t == t.Round(0) {
		return stamp{Wall: t.UTC(), Sure: true}
	}
	up := c.Uptime - c.Now.Sub(t)
	if c.Uptime <= 0 { // the uptime could not be read: only the wall clock is left
		if c.Quality == Unset {
			return stamp{}
		}
		return stamp{Wall: c.Now.Add(up - c.Uptime).Round(0).UTC(), Sure: c.Quality == Synced}
	}
	return c.withWall(stamp{Boot: boot, Up: max(0, up)}, boot)
}

// sameBoot tells whether the uptime of s can be compared with this clock's.
func (c Clock) sameBoot(s stamp, boot string) bool {
	return s.Boot == boot && boot != "" && c.Uptime > 0
}

// withWall returns s with its wall time filled in, if s is of this boot and the
// clock is set. A wall time that was taken before the clock was synced, or before
// it was stepped, is corrected.
func (c Clock) withWall(s stamp, boot string) stamp {
	if !c.sameBoot(s, boot) || s.Sure || c.Quality == Unset {
		return s
	}
	s.Sure = c.Quality == Synced
	wall := c.Now.Add(s.Up - c.Uptime).Round(0).UTC()
	if s.Sure || s.Wall.IsZero() || wall.Sub(s.Wall).Abs() >= leastStep {
		s.Wall = wall
	}
	return s
}

// booted is the wall time of the boot in milliseconds since 1970, by this clock.
func (c Clock) booted() int64 { return c.Now.UnixMilli() - c.Uptime.Milliseconds() }

// time returns s as a time, with a monotonic reading if s is of this boot.
// Zero = unknown.
func (c Clock) time(s stamp, boot string) time.Time {
	if c.sameBoot(s, boot) {
		return c.Now.Add(s.Up - c.Uptime)
	}
	return s.Wall
}

// between returns the time from a to b, never negative; false if it is unknown, as
// where the clock of a later boot is behind.
func between(a, b stamp) (time.Duration, bool) {
	switch {
	case a.Boot != "" && a.Boot == b.Boot:
		return max(0, b.Up-a.Up), true
	case !a.Wall.IsZero() && !b.Wall.IsZero():
		d := b.Wall.Sub(a.Wall)
		return max(0, d), d >= 0 || a.Boot == b.Boot
	}
	return 0, false
}
