package status

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"

	_ "iot-edge-anomaly/agent/quiet" // while the library is initialised
)

func init() { log.SetOutput(os.Stderr) } // the library is initialised

// inferenceBuckets are the bounds in seconds; 0.01 is the alert's.
var inferenceBuckets = [...]float64{25e-6, 50e-6, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 1e-1}

// scoreBuckets are the bounds of the score; 1 is the threshold.
var scoreBuckets = []float64{0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10}

// Metrics counts what this package sees itself and renders /metrics. The scoring
// stage feeds the histograms; everything else comes from a Snapshot at each
// scrape. It is safe for concurrent use.
type Metrics struct {
	inference, scores *histogram
	requests          [600]atomic.Uint64 // by HTTP status
	refused           atomic.Uint64      // requests without the token
	displaced         atomic.Uint64      // connections that were closed to make room
	texts             sync.Pool          // of *bytes.Buffer
	rendering         sync.Mutex
}

// NewMetrics returns a Metrics that has counted nothing yet.
func NewMetrics() *Metrics {
	metrics.ExposeMetadata(true) // TYPE lines of the process's metrics
	return &Metrics{inference: newHistogram("inference_duration_seconds", inferenceBuckets[:]),
		scores: newHistogram("reconstruction_error", scoreBuckets)}
}

// Inference takes the duration of one inference in seconds. It does not allocate.
func (m *Metrics) Inference(seconds float64) { m.inference.Update(seconds) }

// Durations are those that Inference was told of, so far.
func (m *Metrics) Durations() Durations { return m.inference.durations() }

// Unauthorized is how many requests came without the token, so far.
func (m *Metrics) Unauthorized() uint64 { return m.refused.Load() }

// Score takes one score. It does not allocate.
func (m *Metrics) Score(value float64) { m.scores.Update(value) }

// request counts an answer.
func (m *Metrics) request(code int) {
	if code >= 0 && code < len(m.requests) {
		m.requests[code].Add(1)
	}
}

// textLength is somewhat more than the text of a small gateway has: a buffer that doubles
// would take much more for each client that reads slowly.
const textLength = 40 << 10

// Write renders the snapshot in Prometheus' text format.
func (m *Metrics) Write(w io.Writer, s *Snapshot) {
	b, _ := m.texts.Get().(*bytes.Buffer)
	if b == nil {
		b = bytes.NewBuffer(make([]byte, 0, textLength))
	}
	defer m.texts.Put(b)
	m.render(b, &scrape{s, m})
	w.Write(b.Bytes()) // an error means that the client has gone
}

// render writes the text into b. It lets one at a time use the CPU: several would take it
// from those who ask for less.
func (m *Metrics) render(b *bytes.Buffer, from *scrape) {
	m.rendering.Lock()
	defer m.rendering.Unlock()
	b.Reset()
	for i := range table {
		for j := range table[i].metrics {
			table[i].metrics[j].write(b, from)
		}
	}
	writeProcess(b)
}

// write renders one row of the table, or nothing where it has no sample.
func (m *metric) write(b *bytes.Buffer, s *scrape) {
	begin := b.Len()
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, m.kind)
	head := b.Len()
	if m.histogram != nil {
		m.histogram(s.metrics).write(b)
	} else {
		m.collect(s, func(v float64, values ...string) { m.sample(b, v, values) })
	}
	if b.Len() == head {
		b.Truncate(begin)
	}
}

// escape makes a text fit between the quotes of a label value.
var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// sample writes one line: name{label="value",...} value.
func (m *metric) sample(b *bytes.Buffer, v float64, values []string) {
	b.WriteString(m.name)
	sep := byte('{')
	for i, label := range m.labels {
		if values[i] == "" {
			continue
		}
		b.WriteByte(sep)
		b.WriteString(label + `="` + escape.Replace(values[i]) + `"`)
		sep = ','
	}
	if sep == ',' {
		b.WriteByte('}')
	}
	b.WriteByte(' ')
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		b.Write(strconv.AppendInt(b.AvailableBuffer(), int64(v), 10))
	} else {
		b.Write(strconv.AppendFloat(b.AvailableBuffer(), v, 'g', -1, 64))
	}
	b.WriteByte('\n')
}
