package train

import (
	"math"
	"slices"
	"strings"
	"testing"

	"iot-edge-anomaly/model"
)

// TestDetails holds that Details agree with the report and the model, and that asking for
// them changes nothing.
func TestDetails(t *testing.T) {
	for _, n := range []int{600, 2400} { // one network; one for each of four folds
		s, rows := plant(n, 1)
		plain, _ := learn(t, s, rows, Options{Seed: 1, Epochs: 3})
		var d Details
		m, r := learn(t, s, rows, Options{Seed: 1, Epochs: 3, Details: &d})
		if m.SHA256() != plain.SHA256() {
			t.Errorf("%d rows: the details change what is learnt", n)
		}
		if len(d.Loss) != 3 || d.Loss[2] != r.Loss || !(d.Loss[0] > d.Loss[2]) {
			t.Errorf("%d rows: loss %v, want 3 falling to %v", n, d.Loss, r.Loss)
		}
		scored, above := 0, 0
		for _, v := range d.Scores {
			if v == v {
				scored++
			}
			if v > 1 {
				above++
			}
		}
		if len(d.Scores) != n || scored != r.Scored || above != r.Above {
			t.Errorf("%d rows: %d scores of which %d, above %d, want %d and %d", n, len(d.Scores), scored, above, r.Scored, r.Above)
		}
		for j, q := range d.Residuals {
			if !slices.IsSorted(q[:]) || !(q[0] < 0 && q[4] > 0) || q[4]-q[0] > 6*r.Channels[j].SD {
				t.Errorf("%d rows: residuals of channel %d are %v, sd %v", n, j, q, r.Channels[j].SD)
			}
		}
	}
}

// TestReport_stored holds that a model file holds the warnings and numbers of its report.
func TestReport_stored(t *testing.T) {
	s, rows := plant(2400, 1)
	for i := range 2400 {
		rows[4*i+2] = 7
	}
	for i := range 8 {
		rows[i] = math.NaN()
	}
	m, r := learn(t, s, rows, Options{Seed: 1, Epochs: 2})
	raw, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := model.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	got := loaded.Parameters().Training
	if r.Alarms.Rate == 0 || len(r.Warnings) < 3 || !strings.HasPrefix(r.Warnings[0], "pump.temp never changed") {
		t.Errorf("told %+v", r)
	}
	if !slices.Equal(got.Warnings, r.Warnings) || got.Alarms != r.Alarms || got.Empty != 2 || got.Rows != 2400 || got.Used != 2398 {
		t.Errorf("stored %+v, told %+v", got, r)
	}
}

// TestLevelShifts holds which changes of level are found.
func TestLevelShifts(t *testing.T) {
	_, rows := plant(800, 1)
	u := make([]float32, len(rows))
	for i, x := range rows {
		u[i] = float32(x)
	}
	if got := levelShifts(u, 4); len(got) != 0 {
		t.Errorf("steady rows: shifts %v", got)
	}
	ramp := slices.Clone(u)
	for i := range 800 {
		u[4*i+1] += float32(1000 * (i / 400))
		ramp[4*i+2] = float32(i) + u[4*i+2]
	}
	if got := levelShifts(u, 4); len(got) != 1 || got[1] != 400 {
		t.Errorf("shifts %v, want channel 1 at row 400", got)
	}
	if got := levelShifts(ramp, 4); len(got) != 0 {
		t.Errorf("a ramp is no shift: %v", got)
	}
	for i := range 800 {
		u[4*i+1] -= float32(1000 * (i / 600)) // and back
	}
	if got := levelShifts(u, 4); len(got) != 0 {
		t.Errorf("what came back is no shift: %v", got)
	}
}

func TestReport_shortens(t *testing.T) {
	var r Report
	for range maxWarnings + 7 {
		r.warn("a never changed")
	}
	if r.shorten(); len(r.Warnings) != maxWarnings+1 || r.Warnings[maxWarnings] != "7 more warnings about channels" {
		t.Errorf("%d warnings, last %q", len(r.Warnings), r.Warnings[len(r.Warnings)-1])
	}
}
