package board

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// Where the service may not ask the kernel (ProtectClock=yes), the daemons that set the
// clock are asked: they answer such questions of the same machine by default.
const (
	chronyAddress = "127.0.0.1:323"
	ntpAddress    = "127.0.0.1:123"
	daemonWait    = 50 * time.Millisecond
	daemonFresh   = 10 * time.Second
)

// unsynced is the leap indicator of a clock that is not synchronised, RFC 5905, 7.3.
const unsynced = 3

// timeDaemons asks chronyd and ntpd on this machine whether they keep the clock. It is
// safe for concurrent use. An answer counts for daemonFresh; a daemon that is late
// leaves the answer before in force.
type timeDaemons struct {
	chrony, ntp string        // addresses
	wait        time.Duration // for one answer

	mu     sync.Mutex
	asked  time.Time
	synced bool
}

var daemons = timeDaemons{chrony: chronyAddress, ntp: ntpAddress, wait: daemonWait}

// keep says whether one of them keeps the clock.
func (d *timeDaemons) keep(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.asked.IsZero() && now.Sub(d.asked) < daemonFresh {
		return d.synced
	}
	d.asked = now
	ok, late := query(d.chrony, d.wait, chronyQuestion(), chronyAnswer)
	if !ok {
		var too bool
		ok, too = query(d.ntp, d.wait, ntpQuestion(), ntpAnswer)
		late = late || too
	}
	if ok || !late {
		d.synced = ok
	}
	return d.synced
}

// query sends a question and judges the answer. late: there was none in time, which
// differs from a closed port.
func query(address string, wait time.Duration, question []byte, judge func(answer []byte) bool) (ok, late bool) {
	c, err := net.Dial("udp", address)
	if err != nil {
		return false, false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(wait))
	if _, err := c.Write(question); err != nil {
		return false, false
	}
	answer := make([]byte, 512)
	n, err := c.Read(answer)
	return err == nil && judge(answer[:n]), errors.Is(err, os.ErrDeadlineExceeded)
}

// chronyQuestion asks for "tracking", command 33 of chrony's protocol 6 (candm.h). It is
// as long as the answer, which chronyd demands.
func chronyQuestion() []byte {
	q := make([]byte, 104)
	q[0], q[1], q[5] = 6, 1, 33 // version, a request, command
	return q
}

// chronyAnswer reads the leap status: after the header of 28 bytes there are reference
// (4), address (20) and stratum (2).
func chronyAnswer(a []byte) bool {
	be := binary.BigEndian
	return len(a) >= 56 && a[0] == 6 && a[1] == 2 && be.Uint16(a[6:]) == 5 && be.Uint16(a[8:]) == 0 && be.Uint16(a[54:]) < unsynced
}

// ntpQuestion reads the status of the system, RFC 9327: version 2, mode 6, opcode 1.
func ntpQuestion() []byte { return []byte{2<<3 | 6, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0} }

// ntpAnswer reads the leap indicator, the first two bits of the status.
func ntpAnswer(a []byte) bool {
	return len(a) >= 12 && a[0]&7 == 6 && a[1]&0xdf == 0x81 && a[4]>>6 != unsynced
}
