package model

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// The three reasons for which a file is refused. Errors of Decode and Load wrap
// exactly one of them, unless the file could not be read at all.
var (
	ErrFormat  = errors.New("not a model of this program")
	ErrVersion = errors.New("model is of another version of this program")
	ErrCorrupt = errors.New("model is damaged")
)

// ErrOlder tells, beside ErrVersion, that the file is of an earlier version of the program.
var ErrOlder = errors.New("learn the machine anew")

const (
	layout    = 5
	maxFile   = 64 << 20
	maxHeader = 1 << 20

	// head begins the JSON header of every layout, so that a file is recognised, and
	// its layout read, before anything else in it is trusted.
	head = `{"__metadata__":{"format":"iot-edge-anomaly","layout":"`
	// sumKey precedes the 64 digits of the checksum, which count as zeros while it is
	// computed.
	sumKey = `","sha256":"`
)

var zeros = strings.Repeat("0", sha256.Size*2)

// schemaJSON is a Schema in the header.
type schemaJSON struct {
	Channels []string       `json:"channels"`
	Units    []string       `json:"units"`
	Period   time.Duration  `json:"period_ns"`
	RunWhen  *conditionJSON `json:"run_when"`
	Hash     string         `json:"hash"`
}

// conditionJSON is a Condition with absent bounds as null.
type conditionJSON struct {
	Channel string        `json:"channel"`
	Above   *float64      `json:"above"`
	Below   *float64      `json:"below"`
	Settle  time.Duration `json:"settle_ns"`
}

// shapeJSON holds the numbers that all tensor shapes follow from.
type shapeJSON struct {
	Window      int        `json:"window"`
	Mean        int        `json:"mean"`
	Smooth      int        `json:"smooth"`
	SmoothFast  int        `json:"smooth_fast"`
	Fill        int        `json:"fill"`
	Clip        float32    `json:"clip"`
	Layers      []int      `json:"layers"` // inputs of the first, then outputs of each
	Peers       *peersJSON `json:"peers,omitempty"`
	Golden      int        `json:"golden"`
	Percentiles int        `json:"percentiles"`
	Drift       int        `json:"drift"`
}

// peersJSON holds those of Peers.
type peersJSON struct {
	Prototypes int     `json:"prototypes"`
	Reach      float32 `json:"reach"`
	Rows       float32 `json:"rows"`
}

func newSchemaJSON(s Schema) schemaJSON {
	j := schemaJSON{Period: s.Period, Hash: s.Hash()}
	for _, c := range s.Channels {
		j.Channels, j.Units = append(j.Channels, c.Name), append(j.Units, c.Unit)
	}
	if r := s.RunWhen; r != nil {
		j.RunWhen = &conditionJSON{Channel: r.Channel, Above: orNull(r.Above), Below: orNull(r.Below), Settle: r.Settle}
	}
	return j
}

func (j schemaJSON) schema() (Schema, error) {
	if len(j.Channels) != len(j.Units) {
		return Schema{}, fmt.Errorf("%d channels with %d units", len(j.Channels), len(j.Units))
	}
	s := Schema{Period: j.Period, Channels: make([]Channel, len(j.Channels))}
	for i := range j.Channels {
		s.Channels[i] = Channel{Name: j.Channels[i], Unit: j.Units[i]}
	}
	if r := j.RunWhen; r != nil {
		s.RunWhen = &Condition{Channel: r.Channel, Above: orNaN(r.Above), Below: orNaN(r.Below), Settle: r.Settle}
	}
	return s, nil
}

func orNull(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

func newShapeJSON(p *Parameters) shapeJSON {
	j := shapeJSON{Window: p.Window, Mean: p.Mean, Smooth: p.Smooth, SmoothFast: p.SmoothFast, Fill: p.Fill, Clip: p.Clip,
		Layers: widths(p.Layers), Golden: len(p.GoldenIn) / p.inputs(), Percentiles: len(p.Percentiles), Drift: len(p.Drift) / len(p.Schema.Channels)}
	if q := p.Peers; q != nil {
		j.Peers = &peersJSON{q.prototypes(), q.Reach, q.Rows}
	}
	return j
}

// widths returns the inputs of the first of layers and the outputs of each.
func widths(layers []Layer) []int {
	w := []int{layers[0].In}
	for _, l := range layers {
		w = append(w, l.Out)
	}
	return w
}

// parameters returns Parameters whose slices have the sizes that the shape asks for,
// after checking that the sizes are within bounds and that all tensors together take
// exactly have bytes.
func (j shapeJSON) parameters(s Schema, have int) (Parameters, error) {
	p := Parameters{Schema: s, Window: j.Window, Mean: j.Mean, Smooth: j.Smooth, SmoothFast: j.SmoothFast, Fill: j.Fill, Clip: j.Clip}
	p.Layers = layersOf(j.Layers)
	if err := p.validateSizes(); err != nil {
		return Parameters{}, err
	}
	if j.Golden < 1 || j.Golden > maxGolden || j.Percentiles < 2 || j.Percentiles > maxTable || j.Drift < 2 || j.Drift > maxTable {
		return Parameters{}, fmt.Errorf("tables of %d, %d and %d rows", j.Golden, j.Percentiles, j.Drift)
	}
	c := len(s.Channels)
	if j.Peers != nil {
		if err := validatePeerSizes(c, j.Peers.Prototypes); err != nil {
			return Parameters{}, err
		}
	}
	if need := j.bytes(c); need != have {
		return Parameters{}, fmt.Errorf("%d bytes of tensors, want %d", have, need)
	}
	p.Center, p.Spread, p.Drift = make([]float64, c), make([]float64, c), make([]float64, c*j.Drift)
	p.ResidualCenter, p.ResidualScale = make([]float32, c), make([]float32, c)
	p.LevelCenter, p.LevelScale, p.Still = make([]float32, c), make([]float32, c), make([]float32, c)
	p.Step, p.Rough = make([]float64, c), make([]int32, c)
	p.DriftRows, p.DriftTime, p.DriftScore = make([]int32, c), make([]float32, c), make([]float32, driftScores)
	p.Precision, p.Limits, p.MissingMargin = make([]float32, c*c), make([]float32, Terms), make([]float32, c)
	p.Ranks, p.Percentiles = make([]float32, j.Percentiles), make([]float32, j.Percentiles)
	p.GoldenIn, p.GoldenOut = make([]float32, j.Golden*p.inputs()), make([]float32, j.Golden*p.inputs())
	allocate(p.Layers)
	if j.Peers != nil {
		p.Peers = &Peers{Reach: j.Peers.Reach, Rows: j.Peers.Rows, Role: make([]int32, c)}
		for _, a := range p.Peers.arrays(c, j.Peers.Prototypes) {
			*a.v = make([]float32, a.size())
		}
	}
	return p, nil
}

// layersOf returns layers of the given widths without weights, one more than a model
// may have at most.
func layersOf(widths []int) (layers []Layer) {
	for i := 1; i < len(widths) && i <= maxLayers+1; i++ {
		layers = append(layers, Layer{In: widths[i-1], Out: widths[i]})
	}
	return layers
}

// allocate makes the slices of layers.
func allocate(layers []Layer) {
	for i := range layers {
		l := &layers[i]
		l.Weights, l.Bias, l.Mult = make([]int8, l.In*l.Out), make([]int32, l.Out), make([]float32, l.Out)
		l.FloatW, l.FloatBias = make([]float32, l.In*l.Out), make([]float32, l.Out)
	}
}

// bytes returns the size of all tensors for c channels.
func (j shapeJSON) bytes(c int) int {
	n := 8*(3*c+c*j.Drift) + 4*(9*c+c*c+Terms+driftScores+2*j.Percentiles+2*j.Golden*j.Window*c)
	if j.Peers != nil {
		n += 4 * c
		for _, a := range (&Peers{}).arrays(c, j.Peers.Prototypes) {
			n += 4 * a.size()
		}
	}
	for i, w := 1, j.Layers; i < len(w); i++ {
		n += 5*w[i-1]*w[i] + 12*w[i]
	}
	return n
}

// Encode returns the bytes of the model's file. A caller that writes them must replace an
// old file atomically, so that a power cut does not leave half a model. A model made for
// measurements (see Reference) has no file.
func (m *Model) Encode() ([]byte, error) {
	if m.p.Reference != Int8 {
		return nil, fmt.Errorf("encoding model %s: it was made for measurements", m.p.Version)
	}
	return encode(&m.p)
}

// encode returns the one file that p has, checksum included.
func encode(p *Parameters) ([]byte, error) {
	texts := make([]string, 0, 3)
	for _, v := range []any{newSchemaJSON(p.Schema), newShapeJSON(p), p.Training} {
		t, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("encoding model: %w", err)
		}
		texts = append(texts, quote(string(t)))
	}
	var h strings.Builder
	fmt.Fprintf(&h, `%s%d%s%s","version":%s,"schema":%s,"shape":%s,"training":%s}`,
		head, layout, sumKey, zeros, quote(p.Version), texts[0], texts[1], texts[2])
	ts, size := tensors(p), 0
	for _, t := range ts {
		fmt.Fprintf(&h, `,%s:{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`, quote(t.name), t.dtype, t.shape, size, size+t.size())
		size += t.size()
	}
	h.WriteString("}")
	for h.Len()%8 != 0 { // align the tensors to 8 bytes
		h.WriteByte(' ')
	}
	if h.Len() > maxHeader || 8+h.Len()+size > maxFile {
		return nil, fmt.Errorf("encoding model: header of %d and tensors of %d bytes, want at most %d and %d", h.Len(), size, maxHeader, maxFile)
	}
	raw := make([]byte, 0, 8+h.Len()+size)
	raw = binary.LittleEndian.AppendUint64(raw, uint64(h.Len()))
	raw = append(raw, h.String()...)
	for _, t := range ts {
		raw = t.append(raw)
	}
	sum := sha256.Sum256(raw)
	hex.Encode(raw[sumOffset(raw):], sum[:])
	return raw, nil
}

// quote writes s as a JSON string, exactly as encoding/json does.
func quote(s string) string {
	t, err := json.Marshal(s)
	if err != nil { // Marshal fails for no string
		return `""`
	}
	return string(t)
}

// sumOffset returns where the 64 digits of the checksum begin; raw begins with head
// and the layout.
func sumOffset(raw []byte) int {
	i := 8 + len(head)
	for i < len(raw) && raw[i] >= '0' && raw[i] <= '9' {
		i++
	}
	return i + len(sumKey)
}
