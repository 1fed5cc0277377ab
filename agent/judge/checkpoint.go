package judge

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"iot-edge-anomaly/model/checkpoint"
)

// magic begins a saved state, layout 2.
const magic = "iea-judge\x00\x02"

// headSize is the bytes before what the checksum covers.
const headSize = len(magic) + 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Errors of Restore.
var (
	// ErrOtherModel is no damage: the machine has been learnt anew since.
	ErrOtherModel = errors.New("state of another model")
	// ErrDamaged marks bytes that are no whole state.
	ErrDamaged = errors.New("state is damaged")
)

// Save appends the state to b: everything that later verdicts depend on, beside
// the model and the options. Without a model that is limits and latch.
func (j *Judge) Save(b []byte) []byte {
	start := len(b)
	b = append(append(b, magic...), 0, 0, 0, 0)
	c := checkpoint.NewWriter(b)
	sum := j.modelSum()
	c.String(&sum)
	j.sections(c)
	b = c.Bytes()
	binary.LittleEndian.PutUint32(b[start+len(magic):], crc32.Checksum(b[start+headSize:], castagnoli))
	return b
}

// Restore continues from a state that Save wrote. It must come before the first
// row. Moments before earliest count as unknown: they come from a clock that
// nobody had set; the zero time keeps all of them. A state of another model is
// ErrOtherModel; of a damaged one, ErrDamaged. With an error the Judge is as new.
// Where the policy or the limits differ from those of the state, scores and drift
// continue, and open events do not: see Resume.
func (j *Judge) Restore(b []byte, earliest time.Time) error {
	if err := Whole(b); err != nil {
		return err
	}
	c := checkpoint.NewReader(b[headSize:], earliest)
	sum := ""
	if c.String(&sum); c.Err() == nil && sum != j.modelSum() {
		return ErrOtherModel
	}
	j.sections(c)
	if err := c.Close(); err != nil {
		return errors.Join(fmt.Errorf("%w: %w", ErrDamaged, err), j.renew())
	}
	j.told = map[string]bool{}
	return nil
}

// Whole tells whether b is a state as Save wrote it; else it is ErrDamaged.
func Whole(b []byte) error {
	if len(b) < headSize || !bytes.HasPrefix(b, []byte(magic)) {
		return fmt.Errorf("%w: it does not begin as one", ErrDamaged)
	}
	if crc32.Checksum(b[headSize:], castagnoli) != binary.LittleEndian.Uint32(b[len(magic):]) {
		return fmt.Errorf("%w: its checksum differs", ErrDamaged)
	}
	return nil
}

func (j *Judge) modelSum() string {
	if j.scoring == nil {
		return ""
	}
	return j.scoring.model.SHA256()
}

// renew makes the Judge as new.
func (j *Judge) renew() error {
	next, err := New(j.o)
	if err == nil && j.scoring != nil {
		err = next.Use(j.scoring.model)
	}
	if err != nil {
		return err
	}
	j.limits, j.latch, j.scoring = next.limits, next.latch, next.scoring
	return nil
}

// sections lists the state once, for both directions. Scores and drift fit any
// policy; open events fit the one they were opened under.
func (j *Judge) sections(c *checkpoint.Coder) {
	if s := j.scoring; s != nil {
		s.scorer.Checkpoint(c)
		s.drift.CheckpointStatistics(c)
		s.checkpoint(c)
	}
	policy := j.fingerprint()
	c.String(&policy)
	events := c.Section()
	if policy == j.fingerprint() {
		j.openEvents(events)
		if events.Close() != nil {
			c.Fail()
		}
	}
	c.End(events)
}

func (j *Judge) openEvents(c *checkpoint.Coder) {
	j.limits.Checkpoint(c)
	j.latch.Checkpoint(c)
	if s := j.scoring; s != nil {
		s.detector.Checkpoint(c)
		s.drift.CheckpointEvent(c)
	}
}

// checkpoint is what the row before was, and its verdict.
func (s *scoring) checkpoint(c *checkpoint.Coder) {
	c.Time(&s.last)
	n := c.Count(len(s.row), len(s.model.Parameters().Schema.Channels))
	if c.Reading() {
		s.row = make([]float64, n)
	}
	c.Float64s(s.row)
	c.Bool(&s.coarse)
	c.Int(&s.empty, 0, 1<<31-1)
	if s.before.checkpoint(c); s.before.Scored {
		s.before.Score = s.scorer.Newest()
	}
}

// checkpoint is the answer to the same row once more. Its score is the Scorer's.
func (r *result) checkpoint(c *checkpoint.Coder) {
	c.Bool(&r.Scored)
	c.Float32(&r.Seen)
	c.Float64(&r.Percent)
	c.String((*string)(&r.State))
	c.Bool(&r.lost)
}

// fingerprint tells policies apart by everything that the state of open events
// depends on.
func (j *Judge) fingerprint() string {
	p := j.o.Policy
	p.Location = nil // a pointer; the local time of a gateway changes nothing that is saved
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%+v %+v", p, j.o.Limits)))
}
