package sparkplug

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/telemetry"
	"iot-edge-anomaly/model"
)

const (
	lookEvery     = 500 * time.Millisecond // how often the plant is looked at
	rebirthsMost  = 3                      // that hosts may ask for
	rebirthsIn    = 30 * time.Second       // in this time; others wait
	leastStep     = time.Second            // from which on the clock was set and not only measured again
	tellOthersAll = time.Hour              // how often commands that are not taken are logged
)

// bdSeqName is the metric that tells connections apart.
const bdSeqName = "bdSeq"

// Plant is the gateway at one moment.
type Plant struct {
	Clock    report.Clock
	Open     int // open events
	Machines []Machine
}

// Machine is a device at one moment. Its slices must not change afterwards.
type Machine struct {
	Name     string
	Channels []model.Channel // (C)
	State    string
	Open     int        // open events that concern it
	Row      report.Row // the newest; a zero Time = none yet
}

// Options of New; all are required but Log.
type Options struct {
	Group, Node string // names without + / #
	Version     string // of the program
	Policy      telemetry.Policy
	Look        func() Plant
	BdSeq       func() uint8 // the number of the next connection: one more each time
	Log         *slog.Logger
}

// Stats are counters since New.
type Stats struct {
	Births   uint64 // NBIRTHs
	Rebirths uint64 // of them, those that a host asked for
	Messages uint64 // of all kinds, without wills
	Ignored  uint64 // commands that are not taken
}

// Node is an edge node. Will, Serve and Ready are called by one goroutine; Take and Stats may
// be called by any.
type Node struct {
	o       Options
	ask     atomic.Bool // a host asks for a rebirth
	ignored atomic.Uint64
	told    time.Time // when commands that are not taken were logged; of the goroutine that calls Take
	births  atomic.Uint64
	reborn  atomic.Uint64
	sent    atomic.Uint64

	bdSeq   uint8
	publish func(topic string, payload []byte) error // of the present connection
	payload payload
	seq     uint8  // of the next message
	alias   uint64 // the newest
	asked   []time.Time
	clock   report.Clock // at the newest look
	open    metric
	quality metric
	devices []*device // born, in the order of the plant
}

// New makes an edge node.
func New(o Options) *Node {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Node{o: o}
}

// Stats returns the counters.
func (n *Node) Stats() Stats {
	return Stats{Births: n.births.Load(), Rebirths: n.reborn.Load(), Messages: n.sent.Load(), Ignored: n.ignored.Load()}
}

// topic is where messages of a kind are published; device is empty for the node's own.
func (n *Node) topic(kind, device string) string {
	t := "spBv1.0/" + n.o.Group + "/" + kind + "/" + n.o.Node
	if device != "" {
		t += "/" + device
	}
	return t
}

// Commands is the topic of NCMD, which Take wants to hear.
func (n *Node) Commands() string { return n.topic("NCMD", "") }

// errClock ends or delays a connection.
var errClock = errors.New("the date of the clock is impossible: nothing is published until it is set")

// Ready tells why no connection is wanted now; nil = one is.
func (n *Node) Ready() error {
	if n.o.Look().Clock.Quality == report.Unset {
		return errClock
	}
	return nil
}

// Will is the NDEATH of the next connection: with QoS 1, not retained. It takes the next
// bdSeq.
func (n *Node) Will() (topic string, payload []byte) {
	n.bdSeq = n.o.BdSeq()
	p, now := &n.payload, n.o.Look().Clock.Now.UnixMilli()
	p.begin(now)
	p.add(&metric{name: bdSeqName, kind: int64Type, whole: int64(n.bdSeq)}, now, true)
	return n.topic("NDEATH", ""), append([]byte(nil), p.out...) // it has no seq [tck-id-payloads-ndeath-seq]
}

// Take takes the payload of an NCMD. It does not block.
func (n *Node) Take(payload []byte, retained bool) {
	rebirth, others, err := wantsRebirth(payload)
	if retained { // [tck-id-payloads-ncmd-retain]
		rebirth, others = false, 1
	}
	if rebirth {
		n.ask.Store(true)
	}
	if err == nil && others == 0 {
		return
	}
	n.ignored.Add(1)
	if now := time.Now(); n.told.IsZero() || now.Sub(n.told) > tellOthersAll {
		n.told = now
		n.o.Log.Warn("an NCMD asks for what is not taken; only Node Control/Rebirth with the value true is", "topic", n.Commands(), "retained", retained, "error", err)
	}
}

// Serve publishes births, and then what changes, until done is closed or an error.
func (n *Node) Serve(done <-chan struct{}, publish func(topic string, payload []byte) error) error {
	n.publish, n.asked = publish, nil
	n.ask.Store(false) // it was meant for another connection
	p := n.o.Look()
	n.clock = p.Clock
	if err := n.birth(&p); err != nil {
		return err
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return nil
		case now := <-tick.C:
			if err := n.look(now); err != nil {
				return err
			}
		}
	}
}

// look publishes what has changed.
func (n *Node) look(now time.Time) error {
	p := n.o.Look()
	if p.Clock.Quality == report.Unset {
		return errClock
	}
	stepped := step(n.clock, p.Clock)
	n.clock = p.Clock
	if n.wanted(now) {
		n.reborn.Add(1)
		return n.birth(&p)
	}
	if stepped.Abs() >= leastStep {
		n.o.Log.Info("the clock was set: everything is published anew", "by", stepped.Round(time.Millisecond))
		return n.birth(&p)
	}
	if err := n.change(&p); err != nil {
		return err
	}
	if err := n.bury(&p); err != nil {
		return err
	}
	for i := range p.Machines {
		if err := n.machine(now, &p.Machines[i]); err != nil {
			return err
		}
	}
	return nil
}

// step is by how much the wall clock was set between two readings; 0 where the uptime is
// unknown.
func step(a, b report.Clock) time.Duration {
	if a.Uptime <= 0 || b.Uptime <= 0 {
		return 0
	}
	return b.Now.Round(0).Sub(a.Now.Round(0)) - (b.Uptime - a.Uptime)
}

// wanted tells whether a host wants a rebirth and may have it now.
func (n *Node) wanted(now time.Time) bool {
	if !n.ask.Load() {
		return false
	}
	if len(n.asked) == rebirthsMost {
		if now.Sub(n.asked[0]) < rebirthsIn {
			return false
		}
		n.asked = n.asked[1:]
	}
	n.asked = append(n.asked, now)
	n.ask.Store(false)
	return true
}

// birth publishes NBIRTH and a DBIRTH for each machine.
func (n *Node) birth(p *Plant) error {
	n.seq, n.alias, n.devices = 0, 0, nil
	now := n.clock.Now.UnixMilli()
	n.births.Add(1)
	var number, rebirth, version metric
	n.define(&n.open, "open_events", int32Type)
	n.define(&n.quality, "time_quality", textType)
	n.define(&number, bdSeqName, int64Type)
	n.define(&version, "Properties/Software Version", textType)
	n.open.whole, number.whole = int64(p.Open), int64(n.bdSeq)
	n.quality.text, version.text = p.Clock.Quality, n.o.Version
	rebirth.name, rebirth.kind = rebirthName, boolType // without an alias: hosts must know it without a birth
	n.payload.begin(now)
	for _, m := range [...]*metric{&number, &rebirth, &version, &n.open, &n.quality} {
		n.payload.add(m, now, true)
	}
	if err := n.send("NBIRTH", ""); err != nil {
		return err
	}
	for i := range p.Machines {
		if err := n.announce(&p.Machines[i]); err != nil {
			return err
		}
	}
	return nil
}

// define gives a metric name, type and an alias that was not given since the NBIRTH.
func (n *Node) define(m *metric, name string, kind datatype) {
	n.alias++
	m.name, m.kind, m.alias = name, kind, n.alias
}

// change publishes an NDATA if a metric of the node has changed.
func (n *Node) change(p *Plant) error {
	now := n.clock.Now.UnixMilli()
	n.payload.begin(now)
	some := n.whole(&n.open, p.Open, now)
	if n.text(&n.quality, p.Clock.Quality, now) || some {
		return n.send("NDATA", "")
	}
	return nil
}

// whole adds a metric to the message if its value is another one, and tells whether it is.
func (n *Node) whole(m *metric, v int, now int64) bool {
	if m.whole == int64(v) {
		return false
	}
	m.whole = int64(v)
	n.payload.add(m, now, false)
	return true
}

// text is whole for a text.
func (n *Node) text(m *metric, v string, now int64) bool {
	if m.text == v {
		return false
	}
	m.text = v
	n.payload.add(m, now, false)
	return true
}

// send publishes the message that was begun.
func (n *Node) send(kind, device string) error {
	b := n.payload.end(n.seq)
	n.seq++ // 0 follows 255
	if err := n.publish(n.topic(kind, device), b); err != nil {
		return err
	}
	n.sent.Add(1)
	return nil
}
