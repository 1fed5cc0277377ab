package report

import "iot-edge-anomaly/agent/detect"

// updates holds updates of events back where too much is written to the disk. What is
// held is not lost: the next message of the event tells the newest, and Tell sends it
// as soon as there is room.
type updates struct {
	sparing bool
	merged  uint64
}

// hold tells whether an update is to wait, and counts it.
func (u *updates) hold() bool {
	if u.sparing {
		u.merged++
	}
	return u.sparing
}

// Spare says whether updates of events are to wait, because too much is written to the
// disk. An open, a close and a rise of the severity never wait.
func (r *Reporter) Spare(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.updates.sparing = on
}

// Merged returns how many updates went into a later message of their event.
func (r *Reporter) Merged() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.updates.merged
}

// Tell sends updates that waited, unless they still are to wait, and what has become
// of a common cause. It is called again and again. On an error it sends the rest with
// the next call.
func (r *Reporter) Tell() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.clock()
	if err := r.tellCommon(c); err != nil || r.updates.sparing {
		return err
	}
	for i := range r.open {
		if !r.open[i].held {
			continue
		}
		rec := r.open[i]
		rec.held = false
		if err := r.append(&message{state: detect.Update, time: rec.Seen, quality: c.quality(), record: rec}); err != nil {
			return err
		}
		r.open[i] = rec
	}
	return nil
}
