package detect

import (
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/model"
)

// groupShare is the share of the causes from which on a sensor counts as having
// caused an event. The top cause always counts.
const groupShare = 0.2

// cooldowns keeps an event from opening again just after it closed: the sensors
// that caused it rest. An episode whose top cause is at one of them waits unless it
// is more severe than the event that ended; any other episode is announced at once. The
// key is the set of sensors because a single sensor would be too fine: a fault
// between two sensors blames now one, now the other.
type cooldowns struct {
	sensor []int              // (C) each channel's
	until  [][4]time.Duration // (sensors) in the Detector's time, by the rank of the event that ended
}

func newCooldowns(channels []model.Channel) cooldowns {
	c := cooldowns{sensor: make([]int, len(channels))}
	var names []string
	for i, ch := range channels {
		name, _, _ := strings.Cut(ch.Name, ".")
		at := slices.Index(names, name)
		if at < 0 {
			at, names = len(names), append(names, name)
		}
		c.sensor[i] = at
	}
	c.until = make([][4]time.Duration, len(names))
	return c
}

// top is the sensor of the largest of sum, (C); -1 where all are 0.
func (c *cooldowns) top(sum []float64) int {
	best := largest(sum)
	if best < 0 {
		return -1
	}
	return c.sensor[best]
}

// begin lets the sensors that caused an event rest until the given time; all of
// them if nothing is known of its causes.
func (c *cooldowns) begin(sum []float64, severity Severity, until time.Duration) {
	top := c.top(sum)
	var total float64
	for _, v := range sum {
		total += v
	}
	for s := range c.until {
		var part float64
		for i, v := range sum {
			if c.sensor[i] == s {
				part += v
			}
		}
		if s == top || top < 0 || part >= float64(groupShare*total) {
			c.until[s][severity.Rank()] = until
		}
	}
}

// rests tells whether an episode with these causes must wait.
func (c *cooldowns) rests(sum []float64, severity Severity, now time.Duration) bool {
	top := c.top(sum)
	for s := range c.until {
		if s != top && top >= 0 {
			continue
		}
		for _, until := range c.until[s][severity.Rank():] {
			if now < until {
				return true
			}
		}
	}
	return false
}
