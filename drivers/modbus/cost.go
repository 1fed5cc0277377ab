package modbus

import "time"

// Cost is the line time that one cycle of a device takes on a serial line.
type Cost struct {
	Requests int
	Wire     time.Duration // all requests with their answers, silences, pauses and the slave's response times; the wait at the end of the cycle
	Longest  time.Duration // the longest time from the start of a request to the end of its answer
}

// responseTime is the assumed time before a slave answers; common meters and
// drives take 1 to 20 ms.
const responseTime = 5 * time.Millisecond

// requestChars is the length of a read request: unit, PDU of 5, CRC.
const requestChars = 5 + rtuOverhead

// Cost estimates the device's plan at a baud rate, with pause between an answer
// and the next request.
func (d *Dev) Cost(baud int, pause time.Duration) (c Cost) {
	char, silence := charTime(baud), interFrame(baud)
	for _, q := range d.requests() {
		answer := time.Duration(rtuOverhead + 2 + q.size())
		// The slave detects the end of the request by a silence; V1.02 §2.5.1.1.
		took := requestChars*char + max(silence, responseTime) + answer*char
		c.Requests++
		c.Longest = max(c.Longest, took)
		c.Wire += took + max(silence, pause)
	}
	if d.client.line.opts.Mode == RTUOverTCP {
		c.Wire += lingerFor(c.Longest)
	}
	return c
}
