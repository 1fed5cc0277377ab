package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// keep puts p into memory, behind the others; mu is held. Beyond the bound
// the oldest in memory is dropped and counted.
func (q *Queue) keep(p *pending) {
	p.done, p.err = true, fmt.Errorf("message %d %w: %w", p.seq, ErrVolatile, q.down)
	q.ring = append(q.ring, p)
	q.ringN += p.size
	for len(q.ring) > ringMessages || q.ringN > ringBytes {
		q.ringN -= q.ring[0].size
		q.ring[0] = nil
		q.ring = q.ring[1:]
		q.stats.Dropped++
	}
	q.signal()
}

// retryLater arranges the next attempt to store what is in memory.
func (q *Queue) retryLater() {
	if q.closed {
		return
	}
	if q.timer == nil {
		q.timer = time.AfterFunc(healEvery, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			if !q.closed && q.down != nil {
				q.heal()
			}
		})
		return
	}
	q.timer.Reset(healEvery)
}

// heal moves everything in memory into a new segment; mu is held. The file
// that failed is not written again: after a failed sync its pages may be
// marked clean without being on the disk.
func (q *Queue) heal() {
	if q.syncing != nil || len(q.pending) > 0 {
		q.retryLater() // their owners are about to settle them
		return
	}
	if q.stillFull() {
		q.retryLater()
		return
	}
	q.makeRoom(int64(q.ringN))
	g, err := q.newSegment(q.ring)
	if err != nil {
		q.count(err)
		q.down = fmt.Errorf("beginning a segment: %w", err)
		if errors.Is(err, fs.ErrNotExist) {
			q.remake()
		}
		q.retryLater()
		return
	}
	q.opts.Logger.Info("spool is on disk again", "messages", len(q.ring))
	q.stats.Appended += uint64(len(q.ring))
	if n := len(q.ring); n > 0 {
		q.stored = q.ring[n-1].seq
	}
	q.ring, q.ringN, q.down = nil, 0, nil
	q.adopt(g)
	q.saveCursor()
	q.signal()
}

// stillFull asks before it tries: a file begun and removed every second, as
// long as the disk is full, would itself wear the card.
func (q *Queue) stillFull() bool {
	if !errors.Is(q.down, syscall.ENOSPC) {
		return false
	}
	free, err := q.disk.free(q.dir)
	return err == nil && free < int64(q.ringN+2*(headerFixed+len(q.state)))
}

// remake makes the folder again after somebody removed it.
func (q *Queue) remake() {
	if err := os.MkdirAll(q.dir, 0o700); err != nil {
		return
	}
	lock, err := lockDir(q.dir)
	if err != nil {
		q.count(err)
		return
	}
	q.lock.Close()
	q.lock = lock
	q.cursor.reopen(q.dir)
}
