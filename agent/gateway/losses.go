package gateway

import (
	"math"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/spool"
)

// lossKey is the key of the alert about messages that will never arrive.
const lossKey = "spool"

// lossFor is how long that alert stays open after the newest loss.
const lossFor = time.Hour

// losses is what was told of them.
type losses struct {
	corrupt, dropped uint64
	before           uint64    // messages lost when the alert opened
	newest           time.Time // zero = the alert is not open
}

// tell makes the step of the alert that the counters ask for; ok is false if there is
// none. Messages that are dropped one after the other are told when it begins, and their
// sum when the alert closes.
func (l *losses) tell(s *spool.Stats, now time.Time) (ev detect.Event, ok bool) {
	damaged, dropped, open := s.Corrupt > l.corrupt, s.Dropped > l.dropped, !l.newest.IsZero()
	ev = detect.Event{Kind: detect.Alert, Key: lossKey, State: detect.Open, Severity: detect.High, Time: now, Since: now, Score: math.NaN(), Peak: math.NaN(), Reason: s.LastLoss}
	if !damaged {
		ev.Reason = spool.Count(int(s.Dropped-l.dropped), "message of the queue was", "messages of the queue were") + " dropped, the oldest updates first: it is full (spool.max), or the disk cannot be written"
	}
	if !open {
		l.before = l.corrupt + l.dropped
	}
	l.corrupt, l.dropped = s.Corrupt, s.Dropped
	switch {
	case damaged || dropped:
		l.newest = now
		return ev, damaged || !open
	case open && now.Sub(l.newest) >= lossFor:
		ev.State, ev.Until, ev.Reason = detect.Close, now, spool.Count(int(s.Corrupt+s.Dropped-l.before), "message was", "messages were")+" lost in all"
		*l = losses{corrupt: l.corrupt, dropped: l.dropped}
		return ev, true
	}
	return ev, false
}

// tellLosses opens an alert that names what was lost, and closes it an hour later. What
// cannot be reported is tried again with the next call.
func (g *Gateway) tellLosses(s *spool.Stats, now time.Time) {
	next := g.losses
	if ev, ok := next.tell(s, now); ok {
		if err := g.reporter.Event(ev, report.ModelRef{}); err != nil {
			g.failures.log(g.log, "report alert", err, now)
			return
		}
	}
	g.losses = next
}
