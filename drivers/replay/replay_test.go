package replay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"iot-edge-anomaly/drivers/driverstest"
)

const recording = "timestamp,a,b,c\n0,1,2,3\n1,4,5,6\n2,7,8,9\n"

func TestConformance(t *testing.T) {
	driverstest.Run(t, func(t *testing.T) driverstest.Fixture {
		d, err := New(strings.NewReader(recording), []string{"c", "a"}, Options{Loop: true})
		if err != nil {
			t.Fatal(err)
		}
		return driverstest.Fixture{Sensor: d}
	}, driverstest.Options{Allocs: 30}) // each round reads the header anew
}

func TestDev(t *testing.T) {
	d, err := New(strings.NewReader(recording), []string{"c", "a"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float64, 2)
	for i, want := range [][2]float64{{3, 1}, {6, 4}, {9, 7}} {
		if err := d.Read(t.Context(), dst); err != nil || [2]float64(dst) != want || d.Time().Unix() != int64(i) {
			t.Errorf("got %v %v at %v, want %v", dst, err, d.Time(), want)
		}
	}
	for range 2 {
		err := d.Read(t.Context(), dst)
		if !errors.Is(err, io.EOF) || err.Error() != "replay of recording: end of recording: EOF" || !math.IsNaN(dst[0]) {
			t.Errorf("got %v %v", dst, err)
		}
	}
	if d.Channels()[0].Name != "c" || d.Channels()[0].Quantity.Unit != "" {
		t.Errorf("channels %v", d.Channels())
	}
}

// TestDev_sensor: what record wrote of several sensors is played by each of
// them under its own name.
func TestDev_sensor(t *testing.T) {
	const several = "timestamp,pump.speed,drive.speed,pump.flow\n0,1,2,3\n"
	for _, tc := range []struct {
		sensor   string
		channels []string
		names    string
		values   []float64
		err      string
	}{
		{"pump", nil, "speed flow", []float64{1, 3}, ""},
		{"drive", nil, "speed", []float64{2}, ""},
		{"pump", []string{"flow"}, "flow", []float64{3}, ""},
		{"rec", nil, "pump.speed drive.speed pump.flow", []float64{1, 2, 3}, ""},
		{"pum", nil, "pump.speed drive.speed pump.flow", []float64{1, 2, 3}, ""},
		{"", nil, "pump.speed drive.speed pump.flow", []float64{1, 2, 3}, ""},
		{"drive", []string{"flow"}, "", nil, `recording: no column "flow"; it has speed`},
		{"drive", []string{""}, "", nil, `recording: no column ""; it has speed`},
	} {
		d, err := New(strings.NewReader(several), tc.channels, Options{Sensor: tc.sensor})
		if tc.err != "" {
			if err == nil || err.Error() != tc.err {
				t.Errorf("sensor %q: error %v, want %s", tc.sensor, err, tc.err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range d.Channels() {
			names = append(names, c.Name)
		}
		values := make([]float64, len(names))
		if err := d.Read(t.Context(), values); err != nil || strings.Join(names, " ") != tc.names || !slices.Equal(values, tc.values) {
			t.Errorf("sensor %q channels %q: got %q %v %v, want %q %v", tc.sensor, tc.channels, names, values, err, tc.names, tc.values)
		}
		path := filepath.Join(t.TempDir(), "r.csv")
		if err := os.WriteFile(path, []byte(several), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Columns(path, tc.sensor); err != nil || tc.channels == nil && !slices.Equal(got, names) {
			t.Errorf("sensor %q: columns %q %v, want %q", tc.sensor, got, err, names)
		}
	}
}

func TestDev_badRows(t *testing.T) {
	d, _ := New(strings.NewReader("timestamp,a,b,c\n0,1,bad,3\n1,bad,2,3\n2,1,2\n3,1,2,3\n"), []string{"a", "c"}, Options{Name: "x.csv"})
	dst := make([]float64, 2)
	if err := d.Read(t.Context(), dst); err != nil || dst[0] != 1 || dst[1] != 3 {
		t.Errorf("a cell that is not played: %v %v", dst, err)
	}
	var bad *RowError
	if err := d.Read(t.Context(), dst); !errors.As(err, &bad) || bad.Line != 3 || bad.Name != "a" || !math.IsNaN(dst[0]) || dst[1] != 3 {
		t.Errorf("a bad cell: %v %v", dst, err)
	}
	if err := d.Read(t.Context(), dst); err == nil || err.Error() != "x.csv line 4: 3 columns, the header has 4" || !math.IsNaN(dst[0]) || !math.IsNaN(dst[1]) {
		t.Errorf("a short row: %v %v", dst, err)
	}
	if err := d.Read(t.Context(), dst); err != nil || dst[0] != 1 {
		t.Errorf("behind them: %v %v", dst, err)
	}
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.csv")
	if _, err := Open(path, nil, Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(path, []byte(recording), 0o600); err != nil {
		t.Fatal(err)
	}
	names, err := Columns(path, "")
	if err != nil || len(names) != 3 || names[2] != "c" {
		t.Errorf("got %v %v", names, err)
	}
	d, err := Open(path, nil, Options{Loop: true})
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float64, 3)
	for i := range 10 {
		if err := d.Read(t.Context(), dst); err != nil || dst[0] != float64(1+3*(i%3)) {
			t.Fatalf("read %d: %v %v", i, dst, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Read(t.Context(), dst); !errors.Is(err, os.ErrClosed) || !math.IsNaN(dst[0]) {
		t.Errorf("after close: %v %v", dst, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// A recording without a row does not loop for ever.
func TestDev_emptyLoop(t *testing.T) {
	d, _ := New(strings.NewReader("timestamp,a\n"), nil, Options{Loop: true})
	if err := d.Read(context.Background(), []float64{0}); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}

func TestNew_options(t *testing.T) {
	for _, c := range []struct {
		r        io.Reader
		channels []string
		o        Options
		want     string
	}{
		{strings.NewReader(recording), []string{"d"}, Options{Name: "x.csv"}, `x.csv: no column "d"; it has a, b, c`},
		{strings.NewReader(recording), []string{"a", "a"}, Options{}, `recording: channel "a" is named twice`},
		{bytes.NewBufferString(recording), nil, Options{Loop: true}, "recording: a stream cannot be played in a loop"},
		{strings.NewReader(""), nil, Options{}, "recording: no header: the recording is empty"},
	} {
		if _, err := New(c.r, c.channels, c.o); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
