package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// keepInMemory adds p to the messages in memory; mu is held. Beyond the bound
// it drops the oldest of them and counts it.
func (q *Queue) keepInMemory(p *pending) {
	p.done, p.err = true, fmt.Errorf("message %d %w: %w", p.seq, ErrVolatile, q.down)
	q.volatile = append(q.volatile, p)
	q.volatileBytes += p.size
	for len(q.volatile) > maxVolatile || q.volatileBytes > maxVolatileBytes {
		q.volatileBytes -= q.volatile[0].size
		q.volatile[0] = nil
		q.volatile = q.volatile[1:]
		q.stats.Dropped++
	}
	q.signal()
}

// retryLater schedules the next attempt to store the messages in memory.
func (q *Queue) retryLater() {
	if q.closed {
		return
	}
	if q.timer == nil {
		q.timer = time.AfterFunc(retryEvery, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			if !q.closed && q.down != nil {
				q.storeVolatile()
			}
		})
		return
	}
	q.timer.Reset(retryEvery)
}

// storeVolatile stores all messages in memory in a new segment; mu is held. It
// does not write to the file that failed: after a failed sync the kernel may
// have marked its pages clean although they are not on the disk.
func (q *Queue) storeVolatile() {
	if q.syncing != nil || len(q.pending) > 0 {
		q.retryLater() // the Append calls that wait for them finish first
		return
	}
	if q.stillFull() {
		q.retryLater()
		return
	}
	q.makeRoom(int64(q.volatileBytes))
	g, err := q.newSegment(q.volatile)
	if err != nil {
		q.count(err)
		q.down = fmt.Errorf("beginning a segment: %w", err)
		if errors.Is(err, fs.ErrNotExist) {
			q.recreateDir()
		}
		q.retryLater()
		return
	}
	q.opts.Logger.Info("spool can be written again", "messages", len(q.volatile))
	q.stats.Appended += uint64(len(q.volatile))
	if n := len(q.volatile); n > 0 {
		q.stored = q.volatile[n-1].seq
	}
	q.volatile, q.volatileBytes, q.down = nil, 0, nil
	q.activate(g)
	q.saveCursor()
	q.signal()
}

// stillFull tells whether the disk was full and still is. Asking first saves
// the card: creating and removing a file every second while the disk is full
// would wear it.
func (q *Queue) stillFull() bool {
	if !errors.Is(q.down, syscall.ENOSPC) {
		return false
	}
	free, err := q.disk.free(q.dir)
	return err == nil && free < int64(q.volatileBytes+2*(headerFixed+len(q.state)))
}

// recreateDir creates the folder again after it was removed.
func (q *Queue) recreateDir() {
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
