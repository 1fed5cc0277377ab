package mqtt

import (
	"time"

	"iot-edge-anomaly/agent/broker"
)

// convict takes the end of a connection that the broker had accepted.
func (c *Client) convict(err error, left []flight, accepted time.Time) {
	r := &c.refusals
	r.mu.Lock()
	defer r.mu.Unlock()
	if !broker.Closed(err) {
		return
	}
	strikes := r.trial.ended(left, accepted, time.Now())
	if strikes == 0 {
		return
	}
	f := &left[0]
	if f.id == 0 {
		if text := r.refusedTopic(f, strikes); text != "" {
			r.trouble(time.Now(), text)
			c.log.Warn(text, "again_in", retryRefused)
		}
		return
	}
	denied := r.holdFor > 0
	if text := r.refused(f, strikes, c.reduce); text != "" {
		c.log.Warn("the broker ends the connection on a message; "+text, "reason", r.why(f), "bytes_sent", f.size)
	}
	if !denied && r.holdFor > 0 {
		c.log.Error(r.stats.Trouble)
	}
}

// reduce makes a payload smaller; nil = not any more.
func (c *Client) reduce(payload []byte, step int) []byte {
	if c.opts.Reduce == nil {
		return nil
	}
	return c.opts.Reduce(payload, step)
}

// setAside keeps a message that the broker refuses, and takes it out of the source.
func (c *Client) setAside(f *flight, reduced bool) {
	r := &c.refusals
	r.mu.Lock()
	now, why := time.Now(), r.why(f)
	tell := now.Sub(r.told) >= tellEvery
	if tell {
		r.told = now
	}
	r.trouble(now, why)
	r.mu.Unlock()
	line := asideLine{At: now.UTC(), ID: f.id, Topic: f.topic, Bytes: packetSize(f.topic, len(f.full)), Reason: why, Reduced: reduced, Payload: string(f.full)}
	switch err := keepAside(c.opts.Aside, line); {
	case err != nil && reduced:
		c.log.Error("the whole of a shortened message cannot be kept in refused.jsonl", "number", f.id, "err", err)
	case err != nil:
		c.log.Error("a refused message cannot be set aside, so it stays in the queue", "number", f.id, "err", err)
		r.mu.Lock()
		r.passed = append(r.passed, *f)
		r.mu.Unlock()
		return
	}
	r.mu.Lock()
	what := "a message was set aside"
	if reduced {
		r.stats.Truncated++
		what = "a message was delivered without its causes or detail"
	} else {
		r.stats.SetAside++
	}
	r.mu.Unlock()
	if tell {
		c.log.Warn(what, "reason", why, "file", c.opts.Aside)
	}
	if reduced {
		return
	}
	if err := c.source.Ack(f.id); err != nil {
		c.log.Warn("a message that was set aside may be tried again after a restart", "err", err)
	}
}

// watchNext takes the end of a connection right after a message was acknowledged that is
// not sent again: the next one is sent alone.
func (r *refusals) watchNext(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if broker.Closed(err) {
		r.trial.add(nextOne)
	}
}
