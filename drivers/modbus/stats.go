package modbus

import "sync/atomic"

// Stats are the counters of a line since it was made.
type Stats struct {
	Requests      int64 // sent or ended by a failed attempt to connect; not those that failed at once between attempts
	Refused       int64 // not sent, because they were not reads
	Exceptions    int64 // exception answers
	Timeouts      int64 // requests without a complete answer before the deadline
	BadFrames     int64 // received frames that are no answer to the request
	Hangups       int64 // connections that broke or were closed during a request
	Resyncs       int64 // frames skipped while waiting for the answer: late answers, echoes, stray bytes
	Retries       int64 // repeated requests
	Connects      int64 // connections opened
	ConnectErrors int64 // attempts to connect that failed
}

type counters struct {
	requests, refused, exceptions, timeouts, frames    atomic.Int64
	hangups, resyncs, connects, connectErrors, retries atomic.Int64
}

// Stats returns a copy of the counters.
func (l *Line) Stats() Stats {
	c := &l.counts
	return Stats{
		Requests: c.requests.Load(), Refused: c.refused.Load(), Exceptions: c.exceptions.Load(),
		Timeouts: c.timeouts.Load(), BadFrames: c.frames.Load(), Hangups: c.hangups.Load(),
		Resyncs: c.resyncs.Load(), Connects: c.connects.Load(), ConnectErrors: c.connectErrors.Load(),
		Retries: c.retries.Load(),
	}
}
