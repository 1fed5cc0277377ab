package offline

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/report"
)

// recording writes n rows of three channels that follow one load; change may make
// anything of a row's time and cells.
func recording(t *testing.T, n int, change func(i int, at time.Time, cells []string) time.Time) string {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("timestamp,a.load,b.speed,c.flow\n")
	begin, load := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), 0.0
	for i := range n {
		load += 0.3*rnd.NormFloat64() - load/20
		cells := []string{fmt.Sprintf("%.4f", 10+load+0.05*rnd.NormFloat64()), fmt.Sprintf("%.4f", 50+2*load+0.1*rnd.NormFloat64()), fmt.Sprintf("%.4f", 5+3*load+0.1*rnd.NormFloat64())}
		at := begin.Add(time.Duration(i) * time.Second)
		if change != nil {
			at = change(i, at, cells)
		}
		b.WriteString(at.Format(time.RFC3339) + "," + strings.Join(cells, ",") + "\n")
	}
	return write(t, "rows.csv", b.String())
}

// stuck makes the third channel stand still from row i on: a fault.
func stuck(from int) func(int, time.Time, []string) time.Time {
	return func(i int, at time.Time, cells []string) time.Time {
		if i >= from {
			cells[2] = "-12"
		}
		return at
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// learnt trains a model and returns its file, and what Train said of the rows: the
// warnings, the report and the error.
func learnt(t *testing.T, o TrainOptions) (path, said string, err error) {
	t.Helper()
	var warnings bytes.Buffer
	o.Out, o.Seed, o.Warnings = filepath.Join(t.TempDir(), "m.safetensors"), 1, &warnings
	trained, err := Train(t.Context(), o)
	if trained != nil {
		warnings.WriteString(trained.Report.String())
	}
	if err != nil {
		warnings.WriteString(err.Error())
	}
	return o.Out, warnings.String(), err
}

// scored scores a recording and returns the rows and the warnings.
func scored(t *testing.T, o ScoreOptions) (out, warned string) {
	t.Helper()
	var stdout, warnings bytes.Buffer
	o.Out, o.Stdout, o.Warnings = "-", &stdout, &warnings
	o.Clock = func() report.Clock { return report.Clock{Now: time.Now(), Quality: report.Synced} }
	if err := Score(t.Context(), o); err != nil {
		t.Fatalf("%v\n%s", err, &warnings)
	}
	return stdout.String(), warnings.String()
}
