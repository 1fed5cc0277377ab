package pipeline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/store"
	"iot-edge-anomaly/model"
)

const (
	driftMagic = "iead\x00\x01" // state of drift, layout 1
	driftHead  = len(driftMagic) + 4 + 64
	driftMost  = 32 << 20 // bytes; more is damage
	// driftKeep is after how many looks the state is written: an eighth of the
	// window, three hours at the least. A power cut loses no more, a stop nothing.
	driftKeep = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errOtherModel tells that a state of drift is of another model than the active.
var errOtherModel = errors.New("of another model")

// keepDrift writes the state of drift, so that a restart does not lose weeks.
func (m *Machine) keepDrift() {
	m.looks = 0
	if m.o.Drift == "" || m.judge == nil {
		return
	}
	if err := store.Replace(m.o.Drift, encodeDrift(m.model.SHA256(), m.judge.drift)); err != nil {
		m.log.Warn("keep the state of drift", "error", err)
		m.setError(err)
	}
}

// encodeDrift is magic, checksum of what follows, the model's sha256 and the
// state.
func encodeDrift(sha string, w *detect.DriftWatch) []byte {
	b := append([]byte(driftMagic), 0, 0, 0, 0)
	b = w.AppendState(append(b, sha...))
	binary.LittleEndian.PutUint32(b[len(driftMagic):], crc32.Checksum(b[len(driftMagic)+4:], castagnoli))
	return b
}

// decodeDrift lets w continue from b. errOtherModel is not a fault: the machine
// was learnt anew.
func decodeDrift(b []byte, sha string, w *detect.DriftWatch) error {
	if len(b) < driftHead || string(b[:len(driftMagic)]) != driftMagic {
		return errors.New("no state of drift")
	}
	if crc32.Checksum(b[len(driftMagic)+4:], castagnoli) != binary.LittleEndian.Uint32(b[len(driftMagic):]) {
		return errors.New("checksum differs")
	}
	if string(b[driftHead-64:driftHead]) != sha {
		return errOtherModel
	}
	return w.RestoreState(b[driftHead:])
}

// loadDrift continues from the state of an earlier run, where there is one.
func (m *Machine) loadDrift() {
	m.relearnt = false
	if m.o.Drift == "" {
		return
	}
	f, err := os.Open(m.o.Drift)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var b []byte
	if err == nil {
		b, err = io.ReadAll(io.LimitReader(f, driftMost))
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = decodeDrift(b, m.model.SHA256(), m.judge.drift)
	}
	switch {
	case errors.Is(err, errOtherModel):
		m.relearnt = true
		m.log.Info("drift is judged anew: the machine was learnt anew")
	case err != nil:
		m.log.Warn("the state of drift is of no use: drift is judged anew", "error", fmt.Errorf("%s: %w", m.o.Drift, err))
	}
}

// resumeDrift continues a drift event of an earlier run, or ends it where the
// machine has been, or is being, learnt anew.
func (m *Machine) resumeDrift(ev detect.Event) bool {
	if ev.Kind != detect.Drift || ev.Machine != m.o.Name || ev.State == detect.Close {
		return false
	}
	if m.judge != nil && !m.relearnt {
		return m.judge.drift.Resume(ev)
	}
	now := time.Now()
	ev.State, ev.Time, ev.Until, ev.Reason = detect.Close, now, now, detect.ReasonRelearn
	m.emit(ev)
	return true
}

// drifted deals with what a row says of drift.
func (m *Machine) drifted(v *Verdict) {
	if v.Drifted {
		m.emit(v.Drift)
	}
	if !v.Looked && !v.Drifted {
		return
	}
	m.setDrift()
	if m.looks++; v.Drifted || m.looks >= driftKeep {
		m.keepDrift()
	}
}

// Drift is what is known of a machine's drift.
type Drift struct {
	Score    float64              // the machine's, 0 to 1 and 0.7 the line; NaN = nothing can be said
	Relation float64              // of its scores, whatever each channel does; NaN = unknown
	Channels []model.ChannelDrift // (C); empty = the model cannot tell
}

// Drift is what the newest look saw; the slice is valid until the next Push.
func (w *Watch) Drift() Drift {
	s, known := w.drift.State()
	if !known {
		s.Relation = math.NaN()
	}
	return Drift{Score: w.drift.Score(), Relation: s.Relation, Channels: s.Channels}
}

func (m *Machine) setDrift() {
	d := m.judge.Drift()
	m.mu.Lock()
	defer m.mu.Unlock()
	d.Channels = append(m.status.Drift.Channels[:0], d.Channels...)
	m.status.Drift = d
}

func (d Drift) clone() Drift {
	d.Channels = slices.Clone(d.Channels)
	return d
}
