package modbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"iot-edge-anomaly/drivers"
)

// RequestLimits bounds the time and the requests that one unit may take.
type RequestLimits struct {
	// Timeout bounds one request. 0 means the line's.
	Timeout time.Duration
	// Retries is how often a request is repeated in a cycle, also if the device
	// says that it is busy (exceptions 5 and 6), after a pause. Nil means: once, if
	// noise on a serial line has spoiled the answer. A silent unit is not asked
	// again before the next cycle then: on a serial line its late answer has to be
	// waited out first, which costs its neighbours three timeouts instead of one.
	Retries *int
	// Budget is the time after which no request of a cycle begins; those left
	// come first in the next cycle. 0 means no limit.
	Budget time.Duration
}

// retry reports whether to repeat a request that has failed try times. A unit that
// was silent in the cycle before gets no second try.
func (c *client) retry(ctx context.Context, err error, try int) bool {
	spoiled, allowed := errors.Is(err, ErrFrame) && !isOutOfStep(err), 0
	switch {
	case c.limits.Retries != nil:
		allowed = *c.limits.Retries
	case spoiled && c.line.opts.Mode != TCP:
		allowed = 1
	}
	if try > allowed || ctx.Err() != nil || c.spent(time.Now()) {
		return false
	}
	switch {
	case spoiled, errors.Is(err, ErrTimeout) && c.trusted:
	case isBusy(err):
		if sleep(ctx, time.Duration(try)*busyPause) != nil || c.spent(time.Now()) {
			return false
		}
	default:
		return false
	}
	c.line.count(&c.line.stats.Retries)
	return true
}

// busyPause is how long a device that is busy is left alone before the first repeated
// request; it grows by as much with each.
const busyPause = 100 * time.Millisecond

// begin starts the budget of a unit's cycle. Trusted means that the unit answered
// in the cycle before.
func (c *client) begin(now time.Time, trusted bool) {
	c.trusted, c.until, c.longest = trusted, time.Time{}, 0
	if c.limits.Budget > 0 {
		c.until = now.Add(c.limits.Budget)
	}
}

// spent reports whether the budget of the cycle is used up.
func (c *client) spent(now time.Time) bool { return !c.until.IsZero() && !now.Before(c.until) }

// postpone leaves n requests of the plan, from index from on, to the next cycle,
// which begins with them.
func (d *Dev) postpone(from, n int) {
	var left request
	for i := range n {
		left.items = append(left.items, d.plan[(from+i)%len(d.plan)].items...)
	}
	requests := "request waits"
	if n > 1 {
		requests = "requests wait"
	}
	d.first = from
	d.errs = append(d.errs, d.part(&left, fmt.Errorf("%w: %d %s for the next, budget %v", drivers.ErrLater, n, requests, d.client.limits.Budget)))
}
