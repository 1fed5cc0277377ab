package report

import (
	"encoding/binary"
	"time"
)

// A note says which stretches of a stored payload are to be replaced before
// it is published. It lies in the queue beside the payload:
//
//	layout u8 = 1 | number of edits u8 | edits, in the payload's order | boot id
//	edit: what u8 | from u32 | to u32 | uptime i64
//
// All numbers are little endian.
type note struct {
	edits []edit
	boot  string // the boot that the uptimes count from
}

// edit replaces payload[From:To]. It is written as it stands here.
type edit struct {
	What     uint8
	From, To uint32
	Up       int64 // milliseconds since the boot; 0 for editResent
}

// What an edit replaces, and by what.
const (
	editResent  = 1 // false: by true if the message may have been sent before
	editTime    = 2 // null and the field with the uptime: by the time, once it can be told
	editQuality = 3 // the clock's quality: by the present one, where Up becomes a time
)

const (
	noteLayout = 1
	noteBoot   = 64 // bytes of a boot id that are kept; Linux has 36
)

func newNote(boot string) note { return note{boot: boot[:min(len(boot), noteBoot)]} }

// add appends e if it is wanted.
func (n *note) add(e edit, wanted bool) {
	if wanted {
		n.edits = append(n.edits, e)
	}
}

func (n *note) encode() []byte {
	b := []byte{noteLayout, byte(len(n.edits))}
	b, err := binary.Append(b, binary.LittleEndian, n.edits)
	if err != nil {
		panic("report: internal error: " + err.Error()) // edit is of fixed size
	}
	return append(b, n.boot...)
}

// parseNote reads the note of a payload of size bytes; ok is false for
// anything but a note of this layout that fits the payload.
func parseNote(b []byte, size int) (n note, ok bool) {
	if len(b) < 2 || b[0] != noteLayout {
		return note{}, false
	}
	n.edits = make([]edit, b[1])
	used, err := binary.Decode(b[2:], binary.LittleEndian, n.edits)
	if err != nil {
		return note{}, false
	}
	n.boot = string(b[2+used:])
	var end uint32
	for _, e := range n.edits {
		if e.From < end || e.To < e.From || int64(e.To) > int64(size) {
			return note{}, false
		}
		end = e.To
	}
	return n, true
}

// finish returns the payload with every edit made that c, read in the given
// boot, allows. It does not change payload.
func (n *note) finish(payload []byte, resent bool, boot string, c Clock) []byte {
	sameBoot := boot != "" && n.boot == newNote(boot).boot
	out := make([]byte, 0, len(payload)+32)
	var done uint32
	for _, e := range n.edits {
		var text []byte
		switch {
		case e.What == editResent && resent:
			text = []byte("true")
		case e.What == editTime && sameBoot:
			text = c.timeAt(e.Up)
		case e.What == editQuality && sameBoot && c.timeAt(e.Up) != nil:
			text = appendString(nil, c.quality())
		}
		if text == nil {
			continue
		}
		out = append(append(out, payload[done:e.From]...), text...)
		done = e.To
	}
	return append(out, payload[done:]...)
}

// timeAt writes the wall time of an uptime in milliseconds of the clock's
// boot; nil if it cannot be told.
func (c Clock) timeAt(ms int64) []byte {
	if c.Quality == Unset || ms < 0 || ms > (c.Uptime+time.Second).Milliseconds() { // the latter is not of this boot after all
		return nil
	}
	up := time.Duration(ms) * time.Millisecond
	text := appendTime(nil, c.Now.Add(up-c.Uptime))
	if string(text) == "null" {
		return nil
	}
	return text
}
