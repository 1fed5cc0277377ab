package report

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/spool"
)

// The state that the queue keeps for the Reporter has one entry per open event. Its key
// is the event's id, its value the record:
//
//	layout u8 = 1 | machine | kind | key | severity | since | seen | score f64 | peak f64
//	percentile f64 | model: version, sha256 | detail | group | causes
//	text: length uvarint | bytes
//	moment: flags u8 | wall i64 nanoseconds | boot text | up i64 nanoseconds, each if its flag is set
//	causes: number uvarint | channel, unit, direction | share f32 | value f64 | expected f64
//
// with all numbers little endian. It is a third of the JSON of the version before, for
// it is written with every message. Layout 2 has, after the causes, who acknowledged
// the event:
//
//	by | note | cause | moment
const (
	valueLayout = 1
	ackedLayout = 2
)

const (
	momentWall = 1 << iota
	momentSure
	momentBoot
	momentUp
	momentSameBoot // that of the moment before
)

var errValue = errors.New("damaged, or of a newer version")

// encode writes the record. brief leaves out what only people need after a restart.
func (r *record) encode(brief bool) []byte {
	b := make([]byte, 0, 256)
	if r.Ack != nil {
		b = append(b, ackedLayout)
	} else {
		b = append(b, valueLayout)
	}
	for _, s := range []string{r.Machine, string(r.Kind), r.Key, string(r.Severity)} {
		b = appendText(b, s)
	}
	b = r.Since.encode(b, "")
	b = r.Seen.encode(b, r.Since.Boot)
	for _, v := range []num{r.Score, r.Peak, r.Percentile} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(v)))
	}
	m, detail, causes := r.Model, r.Detail, r.Causes
	if brief {
		m, detail, causes = ModelRef{}, "", nil
	}
	sum := m.SHA256
	if raw, err := hex.DecodeString(sum); err == nil && hex.EncodeToString(raw) == sum {
		sum = string(raw)
	}
	for _, s := range []string{m.Version, sum, detail, r.Group} {
		b = appendText(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(causes)))
	for _, c := range causes {
		b = appendText(appendText(appendText(b, c.Channel), c.Unit), c.Direction)
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(c.Share)))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(c.Value)))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(c.Expected)))
	}
	if a := r.Ack; a != nil {
		b = appendText(appendText(appendText(b, a.by), a.note), a.cause)
		b = a.at.encode(b, r.Since.Boot)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (s *stamp) encode(b []byte, before string) []byte {
	at := len(b)
	b = append(b, 0)
	if !s.Wall.IsZero() {
		b[at] |= momentWall
		b = binary.LittleEndian.AppendUint64(b, uint64(s.Wall.UnixNano()))
	}
	if s.Sure {
		b[at] |= momentSure
	}
	if s.Boot != "" && s.Boot == before {
		b[at] |= momentSameBoot
	} else if s.Boot != "" {
		b[at] |= momentBoot
		b = appendText(b, s.Boot)
	}
	if s.Up != 0 {
		b[at] |= momentUp
		b = binary.LittleEndian.AppendUint64(b, uint64(s.Up))
	}
	return b
}

// decoder reads a value; bad is set once something is missing.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) bytes(n uint64) []byte {
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return make([]byte, min(n, 8))
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string {
	b := d.bytes(d.uvarint())
	if d.bad {
		return ""
	}
	return string(b)
}

func (d *decoder) u64() uint64 { return binary.LittleEndian.Uint64(d.bytes(8)) }
func (d *decoder) float() num  { return num(math.Float64frombits(d.u64())) }
func (d *decoder) float32() num {
	return num(math.Float32frombits(binary.LittleEndian.Uint32(d.bytes(4))))
}

func (d *decoder) moment(before string) (s stamp) {
	flags := d.bytes(1)[0]
	if flags&momentWall != 0 {
		s.Wall = time.Unix(0, int64(d.u64())).UTC()
	}
	s.Sure = flags&momentSure != 0
	if flags&momentSameBoot != 0 {
		s.Boot = before
	} else if flags&momentBoot != 0 {
		s.Boot = d.text()
	}
	if flags&momentUp != 0 {
		s.Up = time.Duration(d.u64())
	}
	return s
}

// decodeRecord reads what encode wrote.
func decodeRecord(id string, b []byte) (record, error) {
	d := decoder{b: b}
	layout := d.bytes(1)[0]
	if layout != valueLayout && layout != ackedLayout {
		return record{}, errValue
	}
	r := record{ID: id, Machine: d.text(), Kind: detect.Kind(d.text()), Key: d.text(), Severity: detect.Severity(d.text())}
	r.Since = d.moment("")
	r.Seen = d.moment(r.Since.Boot)
	r.Score, r.Peak, r.Percentile = d.float(), d.float(), d.float()
	r.Model.Version = d.text()
	if r.Model.SHA256 = d.text(); len(r.Model.SHA256) == 32 {
		r.Model.SHA256 = hex.EncodeToString([]byte(r.Model.SHA256))
	}
	r.Detail, r.Group = d.text(), d.text()
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		r.Causes = append(r.Causes, cause{Channel: d.text(), Unit: d.text(), Direction: d.text(), Share: d.float32(), Value: d.float(), Expected: d.float()})
	}
	if layout == ackedLayout {
		r.Ack = &ack{by: d.text(), note: d.text(), cause: d.text(), at: d.moment(r.Since.Boot)}
	}
	if d.bad || len(d.b) > 0 {
		return record{}, errValue
	}
	return r, nil
}

// decodeState reads the open events. again tells that the queue should keep them anew:
// they are of the version before, which kept one JSON of all under no key, or some
// cannot be read.
func decodeState(pairs []spool.Pair) (open []record, again bool, err error) {
	for _, p := range pairs {
		if p.Key == "" {
			var old struct {
				Open []record `json:"open"`
			}
			again = true
			if e := json.Unmarshal(p.Value, &old); e != nil {
				err = errors.Join(err, fmt.Errorf("open events of the version before: %w", e))
			}
			open = append(open, old.Open...)
			continue
		}
		r, e := decodeRecord(p.Key, p.Value)
		if e != nil {
			again, err = true, errors.Join(err, fmt.Errorf("open event %s: %w", p.Key, e))
			continue
		}
		open = append(open, r)
	}
	return open, again, err
}
