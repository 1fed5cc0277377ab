package modbus

import "time"

// Cost is what one cycle of a device takes on a serial line.
type Cost struct {
	Requests int
	Wire     time.Duration // of all requests with answers, silences, pauses and turn-round
	Longest  time.Duration // from the start of a request to the end of its answer, at most
}

// turnRound is what a slave is assumed to take before it answers: between the 1
// to 20 ms of common meters and drives.
const turnRound = 5 * time.Millisecond

// requestChars is the length of a read request: unit, PDU of 5, CRC.
const requestChars = 5 + rtuOverhead

// Cost is that of the device's plan at a baud rate, with pause between an
// answer and the next request.
func (d *Dev) Cost(baud int, pause time.Duration) (c Cost) {
	char, silence := charTime(baud), interFrame(baud)
	for _, q := range d.plan {
		data := 2 * q.n
		if q.table.bits() {
			data = (q.n + 7) / 8
		}
		answer := time.Duration(rtuOverhead + 2 + data)
		// The slave takes the request as ended after a silence; V1.02 §2.5.1.1.
		took := requestChars*char + max(silence, turnRound) + answer*char
		c.Requests++
		c.Longest = max(c.Longest, took)
		c.Wire += took + max(silence, pause)
	}
	return c
}
