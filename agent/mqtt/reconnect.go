package mqtt

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"
)

const (
	shortestWait = time.Second
	firstWait    = 5 * time.Second                // upper bound of the waits in the first minute
	firstTries   = time.Minute                    // of an outage
	longestWait  = 6*time.Minute + 30*time.Second // doc.go says why
	stableAfter  = time.Minute                    // the waits are short again after a connection that lasted so long
	worth        = 10                             // a shorter connection makes up for so many times its life of outage

	sayAgain = time.Hour // until the same failure is a warning again
	sayMost  = 8         // different failures that are remembered
)

// later moves the beginning of an outage after an attempt that ended now. life is how
// long the broker's connection lasted; 0 = it accepted none.
func later(down, now time.Time, life time.Duration, renewed bool) time.Time {
	if life >= stableAfter || renewed {
		return now
	}
	if down = down.Add(worth * life); down.After(now) {
		return now
	}
	return down
}

// backoff returns how long to wait before the next connection attempt, given how long
// there has been none: a random time from 1 to 5 s in the first minute, later between
// a quarter and a half of the outage, and at most longest.
func backoff(outage, longest time.Duration) time.Duration {
	if outage < firstTries {
		return min(shortestWait+rand.N(firstWait-shortestWait), longest/2+rand.N(longest/2))
	}
	top := min(outage/2, longest)
	if outage >= 2*longest {
		return longest*3/4 + rand.N(longest/4)
	}
	return top/2 + rand.N(top/2)
}

// saying is a failure that was logged.
type saying struct {
	text string
	at   time.Time
}

// sayings are the newest ones.
type sayings []saying

// failed counts an error and logs it: as a warning if it was not one within an hour.
func (c *Client) failed(err error) {
	text, now := sameText(err.Error()), time.Now()
	c.mu.Lock()
	c.errors++
	c.last = err.Error()
	level := c.said.level(text, now)
	c.mu.Unlock()
	c.log.Log(context.Background(), level, "no connection to the broker, messages stay in the spool", "err", err)
}

// level is that of a log line: a warning if the text was not one within an hour.
func (s *sayings) level(text string, now time.Time) slog.Level {
	level := slog.LevelWarn
	keep := (*s)[:0]
	for _, said := range *s {
		if said.text == text && now.Sub(said.at) < sayAgain {
			level = slog.LevelDebug
		} else if said.text == text {
			continue
		}
		keep = append(keep, said)
	}
	if level == slog.LevelWarn {
		keep = append(keep[max(0, len(keep)-sayMost+1):], saying{text, now})
	}
	*s = keep
	return level
}

// sameText leaves out of an error what differs each time: the port of our end of a
// connection ("127.0.0.1:43210->127.0.0.1:1883"), and numbers of messages.
func sameText(s string) string {
	if before, after, ok := strings.Cut(s, "->"); ok {
		s = strings.TrimRight(before, "0123456789") + "->" + after
	}
	if before, after, ok := strings.Cut(s, "message "); ok {
		s = before + "message " + strings.TrimLeft(after, "0123456789")
	}
	return s
}
