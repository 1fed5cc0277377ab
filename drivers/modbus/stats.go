package modbus

import "sync/atomic"

// Stats are the counters of a line since it was made.
type Stats struct {
	Requests      int64 // made, attempts to connect for one among them; not those that failed at once, between such attempts
	Refused       int64 // not sent, since they were not reads
	Exceptions    int64 // answers that are exceptions
	Timeouts      int64 // no whole answer before the deadline
	BadFrames     int64 // answers that were not answers
	Hangups       int64 // connections that broke or were closed during a request
	Resyncs       int64 // frames passed over on the way to the answer: late ones, echoes
	Retries       int64 // requests made again
	Connects      int64 // connections opened
	ConnectErrors int64 // attempts to open that failed
}

type counters struct {
	requests, refused, exceptions, timeouts, frames    atomic.Int64
	hangups, resyncs, connects, connectErrors, retries atomic.Int64
}

// Stats copies the counters.
func (l *Line) Stats() Stats {
	c := &l.counts
	return Stats{
		Requests: c.requests.Load(), Refused: c.refused.Load(), Exceptions: c.exceptions.Load(),
		Timeouts: c.timeouts.Load(), BadFrames: c.frames.Load(), Hangups: c.hangups.Load(),
		Resyncs: c.resyncs.Load(), Connects: c.connects.Load(), ConnectErrors: c.connectErrors.Load(),
		Retries: c.retries.Load(),
	}
}
