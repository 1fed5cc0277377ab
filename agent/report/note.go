package report

import (
	"encoding/binary"
	"time"
)

// note says which parts of a stored payload are to be replaced before it is
// published. The queue stores it beside the payload as
//
//	layout u8 = 1 | number of edits u8 | edits in the payload's order | boot id
//	edit: kind u8 | from u32 | to u32 | uptime i64
//
// with all numbers little endian.
type note struct {
	edits []edit
	boot  string // the boot that the uptimes count from
}

// edit replaces payload[from:to].
type edit struct {
	kind     editKind
	from, to uint32
	up       int64 // in milliseconds: see the kinds
}

// editKind says what an edit replaces, and by what.
type editKind uint8

const (
	editResent   editKind = 1 // replaces false by true if the message may have been sent before; up is 0
	editTime     editKind = 2 // replaces a time and the uptime's field by a better time; up is the uptime
	editQuality  editKind = 3 // replaces the clock's quality, if editTime is made; up is the uptime
	editStepped  editKind = 4 // as editQuality where a time is stored; up is the wall time of the boot by that clock
	editDuration editKind = 5 // replaces a duration that ends at a better time; up is that uptime minus the wall time of the begin
)

const (
	noteLayout = 1
	noteHead   = 2  // bytes before the edits
	noteEdit   = 17 // bytes of an edit
	noteBoot   = 64 // bytes of the boot id at most; Linux has 36
)

func newNote(boot string) note { return note{boot: boot[:min(len(boot), noteBoot)]} }

// add appends e if it is wanted.
func (n *note) add(e edit, wanted bool) {
	if wanted {
		n.edits = append(n.edits, e)
	}
}

func (n *note) encode() []byte {
	b := make([]byte, 0, noteHead+len(n.edits)*noteEdit+len(n.boot))
	b = append(b, noteLayout, byte(len(n.edits)))
	for _, e := range n.edits {
		b = append(b, byte(e.kind))
		b = binary.LittleEndian.AppendUint32(b, e.from)
		b = binary.LittleEndian.AppendUint32(b, e.to)
		b = binary.LittleEndian.AppendUint64(b, uint64(e.up))
	}
	return append(b, n.boot...)
}

// parseNote reads the note of a payload of size bytes. ok is false unless it is
// a note of this layout whose edits are in order and inside the payload.
func parseNote(b []byte, size int) (n note, ok bool) {
	if len(b) < noteHead || b[0] != noteLayout || len(b) < noteHead+int(b[1])*noteEdit {
		return note{}, false
	}
	count := int(b[1])
	b = b[noteHead:]
	var end uint32
	for range count {
		le := binary.LittleEndian
		e := edit{kind: editKind(b[0]), from: le.Uint32(b[1:]), to: le.Uint32(b[5:]), up: int64(le.Uint64(b[9:]))}
		if e.from < end || e.to < e.from || int64(e.to) > int64(size) {
			return note{}, false
		}
		n.edits = append(n.edits, e)
		end = e.to
		b = b[noteEdit:]
	}
	n.boot = string(b)
	return n, true
}

// better tells whether c, read in the boot with the given id, knows the times of the
// message better than the clock it was made by: it is the first that is set, or synced,
// or it was stepped since.
func (n *note) better(boot string, c Clock) bool {
	if boot == "" || n.boot != newNote(boot).boot || c.Uptime <= 0 || c.Quality == Unset {
		return false
	}
	for _, e := range n.edits {
		if e.kind == editStepped && c.Quality != Synced {
			off := c.booted() - e.up
			return max(off, -off) >= leastStep.Milliseconds()
		}
	}
	return true
}

// finish returns payload with the edits made that apply. c was read in the boot
// with the given id. finish does not change payload.
func (n *note) finish(payload []byte, resent bool, boot string, c Clock) []byte {
	better, dated := n.better(boot, c), false
	out := make([]byte, 0, len(payload)+32)
	var done uint32
	for _, e := range n.edits {
		var text []byte
		switch {
		case e.kind == editResent:
			if resent {
				text = []byte("true")
			}
		case !better:
		case e.kind == editTime:
			text = c.timeAt(e.up)
			dated = text != nil
		case e.kind == editDuration && dated:
			if ms := c.booted() + e.up; ms >= 0 {
				text = appendSeconds(nil, time.Duration(ms)*time.Millisecond)
			}
		case (e.kind == editQuality || e.kind == editStepped) && dated:
			text = appendString(nil, corrected)
		}
		if text == nil {
			continue
		}
		out = append(append(out, payload[done:e.from]...), text...)
		done = e.to
	}
	return append(out, payload[done:]...)
}

// timeAt writes the wall time of an uptime in milliseconds, which counts from
// the clock's boot. It returns nil if the time is unknown.
func (c Clock) timeAt(ms int64) []byte {
	if ms < 0 || ms > (c.Uptime+time.Second).Milliseconds() { // an uptime in the future is not of this boot
		return nil
	}
	up := time.Duration(ms) * time.Millisecond
	text := appendTime(nil, c.Now.Add(up-c.Uptime))
	if string(text) == "null" {
		return nil
	}
	return text
}
