package htmlreport

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"iot-edge-anomaly/agent/chart"
	"iot-edge-anomaly/agent/detect"
)

// TestWide: a thousand channels give a page that can still be read. The forty with
// the largest parts are drawn, the tables have all.
func TestWide(t *testing.T) {
	const c = 1000
	var many []string
	for j := range c {
		many = append(many, fmt.Sprintf("line%d.sensor%d", j/20, j))
	}
	r := NewRecording(parts(many...))
	values, expected, shares := make([]float64, c), make([]float64, c), make([]float32, c)
	for i := range 600 {
		at := begin.Add(time.Duration(i) * time.Second)
		row := Row{Time: at, Values: values, State: Scored, Score: 0.5, Expected: expected, Shares: shares}
		for j := range values {
			values[j], expected[j], shares[j] = float64((i*j)%17), 8, 0.001
		}
		if i > 300 {
			values[777], shares[777], row.Score = 40, 0.7, 2
		}
		r.Push(row)
		if i == 303 {
			r.Event(detect.Event{Kind: detect.ProcessAnomaly, State: detect.Open, Time: at, Since: at.Add(-2 * time.Second), Severity: detect.High, Score: 2, Peak: 2})
		}
	}
	var b bytes.Buffer
	begin := time.Now()
	if err := WriteScore(&b, r, about); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d KiB in %v", b.Len()>>10, time.Since(begin))
	if b.Len() > 4<<20 {
		t.Errorf("%d bytes, want at most 4 MiB", b.Len())
	}
	wellFormed(t, b.Bytes())
	for want, n := range map[string]int{
		`<div class="panel"><h3><bdi>`:                          mostPanels,
		`<div class="panel"><h3><bdi>line38.sensor777</bdi>`:    1,
		"960 channels that made less of the score":              1,
		`<th scope="row"><bdi>line49.sensor999</bdi>`:           1,
		"Most of it was line38.sensor777 (41 %): it read 40 °C": 1,
	} {
		if got := bytes.Count(b.Bytes(), []byte(want)); got != n {
			t.Errorf("%q is there %d times, want %d", want, got, n)
		}
	}
}

// TestValueScale: expected values are drawn where they are, unless they are absurd.
func TestValueScale(t *testing.T) {
	for _, c := range []struct{ expected, nearer float64 }{{20, 19}, {2000, 1000}} {
		cols := chart.New(time.Second, 100, 2, 0)
		for i := range 50 {
			cols.Push(time.Unix(int64(i), 0), []float64{3 + float64(i%2)/2, c.expected}, nil)
		}
		s := valueScale(cols, 0, 1, 5)
		if drawn := s.Across(c.nearer) < s.Across(c.expected); drawn != (c.expected < 100) || s.Across(3.5)-s.Across(3) < 10 {
			t.Errorf("%v: drawn where it is: %v; the values take %v", c.expected, drawn, s.Across(3.5)-s.Across(3))
		}
	}
}
