package report

import "time"

// What is known of the wall clock.
const (
	Synced  = "synced"  // a time server has set it
	Unset   = "unset"   // it shows no possible date
	Unknown = "unknown" // it shows a possible date, nothing vouches for it
)

// Clock is one reading of the clocks, all at one moment.
type Clock struct {
	Now     time.Time     // with the monotonic reading
	Uptime  time.Duration // since the boot that Device.Boot names; 0 = unknown
	Quality string        // Synced, Unset or Unknown
}

// quality is c.Quality, or Unknown where that is no word of the schema.
func (c Clock) quality() string {
	if c.Quality == Synced || c.Quality == Unset {
		return c.Quality
	}
	return Unknown
}

// stamp is a moment that may be known by the wall clock, by the uptime of a
// boot, or by both.
type stamp struct {
	Wall time.Time     `json:"wall,omitzero"`
	Sure bool          `json:"sure,omitempty"` // Wall was taken from a synced clock
	Boot string        `json:"boot,omitempty"` // Up is known and counts from this boot
	Up   time.Duration `json:"up,omitempty"`
}

// stamp is t as this clock knows it. A t without monotonic reading is a wall
// time by itself.
func (c Clock) stamp(boot string, t time.Time) stamp {
	if t.IsZero() {
		return stamp{}
	}
	if t == t.Round(0) {
		return stamp{Wall: t.UTC(), Sure: true}
	}
	up := c.Uptime - c.Now.Sub(t)
	if c.Uptime <= 0 { // it could not be read: the wall clock alone
		if c.Quality == Unset {
			return stamp{}
		}
		return stamp{Wall: c.Now.Add(up - c.Uptime).Round(0).UTC(), Sure: c.Quality == Synced}
	}
	return c.settle(stamp{Boot: boot, Up: max(0, up)}, boot)
}

// counts tells whether the uptime of s can be set against this clock's.
func (c Clock) counts(s stamp, boot string) bool {
	return s.Boot == boot && boot != "" && c.Uptime > 0
}

// settle fills in the wall time of a moment of this boot once it can be told,
// and corrects one that was taken before the clock was synced.
func (c Clock) settle(s stamp, boot string) stamp {
	if !c.counts(s, boot) || s.Sure || c.Quality == Unset || (c.Quality != Synced && !s.Wall.IsZero()) {
		return s
	}
	s.Wall = c.Now.Add(s.Up - c.Uptime).Round(0).UTC()
	s.Sure = c.Quality == Synced
	return s
}

// time is s with what the process knows: of this boot it carries a monotonic
// reading. Zero = unknown.
func (c Clock) time(s stamp, boot string) time.Time {
	if c.counts(s, boot) {
		return c.Now.Add(s.Up - c.Uptime)
	}
	return s.Wall
}

// between is the time from a to b, never negative. It reports false where
// nobody knows.
func between(a, b stamp) (time.Duration, bool) {
	switch {
	case a.Boot != "" && a.Boot == b.Boot:
		return max(0, b.Up-a.Up), true
	case !a.Wall.IsZero() && !b.Wall.IsZero():
		return max(0, b.Wall.Sub(a.Wall)), true
	}
	return 0, false
}
