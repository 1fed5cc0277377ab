package gateway

import (
	"errors"
	"time"
)

const (
	restartFirst = time.Second     // until a machine is made anew after a panic
	restartMost  = 5 * time.Minute // the pause doubles up to that
	restartCalm  = time.Hour       // after which a panic is the first one again
)

// restart is when a machine that a panic stopped is made anew.
type restart struct {
	pause time.Duration // of the newest panic
	at    time.Time     // zero = the machine is at work
	last  time.Time     // when it was made anew
}

// due tells whether a machine that has failed is to be made anew now.
func (r *restart) due(now time.Time) bool {
	if !r.at.IsZero() {
		return !now.Before(r.at)
	}
	if r.pause *= 2; r.pause == 0 || now.Sub(r.last) >= restartCalm {
		r.pause = restartFirst
	}
	r.pause = min(r.pause, restartMost)
	r.at = now.Add(r.pause)
	return false
}

// restartMachines makes machines anew that a panic has stopped. The others go on without a
// gap. An error is ErrRestart.
func (g *Gateway) restartMachines(now time.Time) error {
	var names []string
	for _, u := range g.plant.units {
		if !u.Failed() {
			continue
		}
		r := g.restarts[u.Name()]
		if r == nil {
			r = &restart{}
			g.restarts[u.Name()] = r
		}
		if r.due(now) {
			r.at, r.last = time.Time{}, now
			names = append(names, u.Name())
		}
	}
	if len(names) == 0 {
		return nil
	}
	next, err := g.plant.prepare(g.cfg)
	if err == nil {
		err = g.changePlant(next)
	}
	if err != nil && !errors.Is(err, ErrRestart) {
		g.failures.log(g.log, "start machines again after a panic", err, now)
		return nil
	}
	for _, name := range names {
		g.log.Warn("machine started again after a panic", "machine", name, "next_pause", min(2*g.restarts[name].pause, restartMost))
	}
	return err
}
