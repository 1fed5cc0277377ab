package report

import (
	"math"
	"slices"
	"strconv"
	"sync"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/spool"
)

// Queue keeps messages durably; *spool.Queue is one.
type Queue interface {
	// Append takes the message that build returns for its number, without waiting for
	// the disk. If it returns an error it has not taken it.
	Append(build func(seq uint64) (spool.Message, error)) error
	// State returns what the messages left under their keys.
	State() []spool.Pair
	// Restate replaces it.
	Restate(state []spool.Pair)
}

// Device names the gateway.
type Device struct {
	Site, Device string
	Boot         string // the boot id
	Run          string // tells this process from others of the boot in ids; may be empty
	Topic        string // the base topic: "iot-edge-anomaly/plant-3/gw7"; MachinePlace may stand in it
}

// bootDigits is how many characters of the boot id are in an id.
const bootDigits = 4

func (d *Device) prefix() string {
	return d.Device + "-" + d.Boot[:min(bootDigits, len(d.Boot))] + d.Run + "-"
}

func (d *Device) id(seq uint64) string    { return d.prefix() + strconv.FormatUint(seq, 10) }
func (d *Device) eventID(n uint64) string { return d.prefix() + "e" + strconv.FormatUint(n, 10) }

// ModelRef names the model that found an anomaly. The zero value means no model
// and is written as null.
type ModelRef struct {
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
}

func (m ModelRef) append(b []byte) []byte {
	if m == (ModelRef{}) {
		return append(b, "null"...)
	}
	o := openObject(b)
	o.text("version", m.Version)
	o.text("sha256", m.SHA256)
	return o.close()
}

// Reporter turns events into messages and keeps track of the open events. It
// is made by New and safe for concurrent use. No method waits for a disk.
type Reporter struct {
	device Device
	queue  Queue
	clock  func() Clock

	mu        sync.Mutex
	open      []record // oldest first
	recovered []detect.Event
	opened    []Count
	raised    map[Alarm]uint64
	orphans   uint64
	common    common
	updates   updates
}

// New makes a Reporter that continues from the state in the queue. clock must be
// safe for concurrent use. An error tells which open events could not be read; the
// Reporter goes on without them.
func New(d Device, q Queue, clock func() Clock) (*Reporter, error) {
	open, again, err := decodeState(q.State())
	r := &Reporter{device: d, queue: q, clock: clock, open: open, raised: map[Alarm]uint64{}}
	if again {
		var state []spool.Pair
		for i := range open {
			state = append(state, spool.Pair{Key: open[i].ID, Value: open[i].encode(false)})
		}
		q.Restate(state)
	}
	r.recoverCommon()
	r.recovered = r.events()
	return r, err
}

// SetTopic changes the base topic of the messages that follow. Those that are stored
// keep theirs.
func (r *Reporter) SetTopic(base string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.device.Topic = base
}

// Recovered returns the events that were open when New was called. The caller
// must have each continued by its detector or sampler, or pass it to
// CloseRestart.
func (r *Reporter) Recovered() []detect.Event { return slices.Clone(r.recovered) }

// OpenEvents returns the events that are open now, oldest first.
func (r *Reporter) OpenEvents() []detect.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events()
}

func (r *Reporter) events() []detect.Event {
	c := r.clock()
	out := make([]detect.Event, len(r.open))
	for i := range r.open {
		out[i] = r.open[i].event(c, r.device.Boot)
	}
	return out
}

// Event takes one step of an event; m is the model that found it. On an error nothing
// has changed.
func (r *Reporter) Event(ev detect.Event, m ModelRef) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.store(ev, m, r.clock())
}

// EventID is the id of the event that ev is a step of; "" if it is not open.
func (r *Reporter) EventID(ev detect.Event) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	ev.Machine, ev.Key = validUTF8(ev.Machine), validUTF8(ev.Key)
	if i := r.find(&ev); i >= 0 {
		return r.open[i].ID
	}
	return ""
}

// Fault stores that a fault of a sensor or bus begins or ends. A bus fault has
// high severity, a sensor fault is a warning.
func (r *Reporter) Fault(f sampler.Fault) error {
	ev := detect.Event{Machine: f.Machine, Kind: detect.SensorFault, Key: f.Sensor, State: detect.Open, Severity: detect.Warning,
		Time: f.Time, Since: f.Since, Score: math.NaN(), Peak: math.NaN(), Missing: slices.Clone(f.Channels), Reason: f.Reason}
	if f.Sensor == "" {
		ev.Kind, ev.Key, ev.Severity = detect.BusFault, f.Bus, detect.High
	}
	if !f.Open {
		ev.State, ev.Until, ev.Missing, ev.Reason = detect.Close, f.Time, nil, ReasonDelivers
	}
	return r.Event(ev, ModelRef{})
}

// ReasonDelivers is the reason a fault closes with.
const ReasonDelivers = "delivers again"

// CloseRestart closes an event that nobody continues after a restart. Its until
// is the time of its newest message.
func (r *Reporter) CloseRestart(ev detect.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.find(&ev)
	if i < 0 {
		r.orphans++
		return nil
	}
	c := r.clock()
	rec := r.open[i]
	end := rec.event(c, r.device.Boot)
	end.State, end.Time, end.Until, end.Reason = detect.Close, c.Now, end.Time, detect.ReasonRestart
	return r.store(end, rec.Model, c)
}

func (r *Reporter) find(ev *detect.Event) int {
	return slices.IndexFunc(r.open, func(rec record) bool { return rec.sameEvent(ev) })
}

// store takes one step of ev: message and new state together, or neither.
func (r *Reporter) store(ev detect.Event, m ModelRef, c Clock) error {
	ev.Machine, ev.Key = validUTF8(ev.Machine), validUTF8(ev.Key)
	i := r.find(&ev)
	if i < 0 && ev.State == detect.Close {
		r.orphans++
		return nil
	}
	if ev.Time.IsZero() {
		ev.Time = c.Now
	}
	msg := message{state: detect.Update, time: c.stamp(r.device.Boot, ev.Time), quality: c.quality()}
	rec := record{Machine: ev.Machine, Kind: ev.Kind, Key: ev.Key, Since: c.stamp(r.device.Boot, ev.Since), Score: num(math.NaN()), Peak: num(math.NaN())}
	if i < 0 {
		msg.state = detect.Open
	} else {
		rec = r.open[i]
	}
	before := rec.Severity
	rec.update(&ev, m)
	rec.Since, rec.Seen = c.withWall(rec.Since, r.device.Boot), msg.time
	rec.Ack = rec.Ack.dated(c, r.device.Boot)
	if i >= 0 && ev.State != detect.Close && rec.quiet(before) {
		r.open[i] = rec
		return nil
	}
	if i >= 0 && ev.State != detect.Close && rec.Severity == before && r.updates.hold() {
		rec.held = true
		r.open[i] = rec
		return nil
	}
	rec.held, msg.record = false, rec
	if ev.State == detect.Close {
		msg.close(&ev, c, r.device.Boot)
	}
	if err := r.append(&msg); err != nil {
		return err
	}
	switch msg.state {
	case detect.Open:
		r.open = append(r.open, msg.record)
		r.count(&msg.record)
		r.joinCommon(&msg.record, c)
	case detect.Update:
		r.open[i] = msg.record
	case detect.Close:
		r.open = slices.Delete(r.open, i, i+1)
		r.leaveCommon(&msg.record, c)
	}
	return nil
}

// manyOpen is how many events may be open before the queue keeps them in brief.
const manyOpen = 2000

// append gives a message to the queue. An event that opens is numbered by the message
// that opens it: such a number never comes again, whatever is lost.
func (r *Reporter) append(msg *message) error {
	return r.queue.Append(func(seq uint64) (spool.Message, error) {
		msg.seq = seq
		if msg.state == detect.Open {
			msg.ID = r.device.eventID(seq)
		}
		payload, note := msg.encode(&r.device)
		m := spool.Message{Topic: r.device.EventTopic(msg.Machine), Payload: payload, Note: note, Key: msg.ID, Spare: msg.state == detect.Update && msg.Ack == nil}
		if msg.state != detect.Close {
			m.Value = msg.record.encode(len(r.open) > manyOpen)
		}
		return m, nil
	})
}
