package htmlreport

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

var update = flag.Bool("update", false, "write testdata/*.html anew")

var begin = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

// parts is what a Recording needs of a model with channels of these names.
func parts(names ...string) *model.Parameters {
	p := &model.Parameters{Schema: model.Schema{Period: time.Second}, Version: "2026-02-28T10:00:00Z-1", Window: 16, Mean: 5, Smooth: 15,
		Ranks: []float32{0, 0.5, 0.99, 0.999}, Percentiles: []float32{0.1, 0.4, 0.7, 0.8},
		Training: model.Training{Rows: 3000, Used: 2900, Idle: 100, Alarms: model.Alarms{Wanted: 1, Rate: 1.2, Low: 0.1, High: 4},
			Warnings: []string{"48m20s of running time is less than a shift: what the machine does at other hours is not learnt"}}}
	for _, n := range names {
		p.Schema.Channels = append(p.Schema.Channels, model.Channel{Name: n, Unit: "°C"})
		p.Spread, p.Drift = append(p.Spread, 1), append(p.Drift, 0)
	}
	for range names {
		p.Drift = append(p.Drift, 20)
	}
	return p
}

// feed plays a machine of three channels: standing still, a hole, missing values,
// an event that closes and one that stays open.
func feed(r *Recording, rows int) {
	at := begin
	values, expected, shares := make([]float64, 3), make([]float64, 3), make([]float32, 3)
	for i := range rows {
		if at = at.Add(time.Second); i == 200 {
			at = at.Add(3 * time.Minute)
		}
		row := Row{Time: at, Values: values, State: Scored, Score: 0.4 + float64(i%7)/20, Expected: expected, Shares: shares}
		for j := range values {
			expected[j] = 10 + float64((i+j*11)%40)/8
			values[j] = expected[j] + float64((i*7+j)%5-2)/10
			shares[j] = []float32{0.5, 0.3, 0.2}[j]
		}
		switch {
		case i < 33 || i >= 200 && i < 233:
			row.State, row.Score, row.Expected, row.Shares = Filling, math.NaN(), nil, nil
		case i >= 90 && i < 120:
			row.State, row.Score, row.Expected, row.Shares = Idle, math.NaN(), nil, nil
		case i >= 150 && i < 155:
			row.State, row.Score, row.Expected, row.Shares = Blind, math.NaN(), nil, nil
			values[0], values[1], values[2] = math.NaN(), math.NaN(), 1
		}
		if i >= 260 && i < 270 || i >= 380 {
			row.Score, values[0] = 1.5+float64(i%3), 30
		}
		if i >= 300 && i < 320 {
			values[1] = math.NaN()
		}
		r.Push(row)
		ev := detect.Event{Machine: "main", Kind: detect.ProcessAnomaly, Time: at, Since: at.Add(-2 * time.Second), Severity: detect.High,
			Score: row.Score, Peak: 3.5, Causes: []detect.Cause{{Channel: r.name(0), Unit: "°C", Share: 0.5, Value: 30, Expected: 12, Direction: "above"}}}
		switch i {
		case 262, 382:
			ev.State = detect.Open
			r.Event(ev)
		case 280:
			ev.State, ev.Until, ev.Reason = detect.Close, at.Add(-10*time.Second), detect.ReasonNormal
			r.Event(ev)
		}
	}
}

var about = About{Recording: "pump.csv", Model: "pump.safetensors", Version: "2026-02-28T10:00:00Z-1", SHA256: strings.Repeat("ab", 32)}

// report is a training of three channels, one of them dead.
func report(names ...string) (*train.Report, *train.Details) {
	rep := &train.Report{Rows: 400, Step: time.Second, Used: 337, Idle: 30, Empty: 5, Scored: 300, Above: 2, Window: 16, Mean: 5, Smooth: 15,
		Horizon: 600, Windows: 280, Network: []int{48, 32, 4, 32, 48}, Epochs: 4, Seed: 1, Loss: 0.21, Int8Gap: 0.012,
		Alarms: model.Alarms{Wanted: 1, Rate: 1.2, Low: 0.1, High: 4}, Start: 20, Warnings: []string{"only 337 rows: a few hundred more make the threshold reliable"}}
	det := &train.Details{Loss: []float64{1.2, 0.5, 0.3, 0.21}}
	for i, n := range names {
		rep.Channels = append(rep.Channels, train.ChannelReport{Name: n, Unit: "°C", Median: 12, Low: 9.8, High: 15.2, SD: 1.4, Stretch: 1 + float64(i), Bounded: i == 1})
		det.Residuals = append(det.Residuals, [train.ResidualRanks]float64{-1, -0.2, 0.01 * float64(i), 0.2, 1.1})
	}
	if n := len(names); n > 0 {
		det.Residuals[n-1] = [train.ResidualRanks]float64{math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()}
	}
	return rep, det
}

var names = []string{"pump.current", "<script>alert(1)</script>", `a "b" & 'c'`}

func scored(t testing.TB, rows int) []byte {
	t.Helper()
	r := NewRecording(parts(names...))
	feed(r, rows)
	var b bytes.Buffer
	if err := WriteScore(&b, r, about); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func learnt(t testing.TB) []byte {
	t.Helper()
	r := NewRecording(parts(names...))
	feed(r, 250)
	rep, det := report(names...)
	var b bytes.Buffer
	if err := WriteTrain(&b, r, rep, det, about); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestGolden compares every byte of both pages; make golden renews them.
func TestGolden(t *testing.T) {
	for name, got := range map[string][]byte{"score.html": scored(t, 400), "train.html": learnt(t)} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from what was written now; make golden renews it", path)
		}
		wellFormed(t, got)
	}
}

// wellFormed checks that a page parses as XML, so that every browser sees the same
// tree, that links within it have a target, and that nothing in it leads to another
// address.
func wellFormed(t testing.TB, page []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(page))
	ids, links := map[string]bool{}, []string{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "script", "iframe", "object", "embed", "link", "img", "image", "use", "base", "form":
			t.Errorf("element %s", e.Name.Local)
		}
		for _, a := range e.Attr {
			switch {
			case a.Name.Local == "id":
				if ids[a.Value] {
					t.Errorf("id %s twice", a.Value)
				}
				ids[a.Value] = true
			case a.Name.Local == "aria-labelledby":
				links = append(links, strings.Fields(a.Value)...)
			case a.Name.Local == "href":
				links = append(links, strings.TrimPrefix(a.Value, "#"))
			case strings.HasPrefix(a.Name.Local, "on"), a.Name.Local == "src":
				t.Errorf("%s has %s", e.Name.Local, a.Name.Local)
			case strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf"):
				t.Errorf("%s has %s=%q", e.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
	for _, l := range links {
		if !ids[l] {
			t.Errorf("a link to %s, which is not there", l)
		}
	}
	if m := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9.-]+\.[a-z]+|@import|url\(`).Find(page); m != nil {
		t.Errorf("another place: %s", m)
	}
}

// TestWords checks what the pages say before any drawing.
func TestWords(t *testing.T) {
	page := string(scored(t, 400))
	for _, want := range []string{
		`<p class="badge bad">2 events</p>`,
		"2 events in 10 min: 400 rows, 2026-03-01 06:00:01 to 06:09:40 UTC.",
		"The worst anomaly, event 1, began at 2026-03-01 06:07:21 UTC, lasted 10 s, and reached a score of 3.50 (high). Most of it was pump.current (50 %): it read 30 °C where 12.5 °C was expected.",
		"66 rows without a score: the window of 34 rows filled",
		"30 rows without a score: the machine did not run",
		"5 rows without a score: more than half of the values were missing",
		"1 gap without rows, the longest 3 min from 2026-03-01 06:03:20 UTC",
		"&lt;script&gt;alert(1)&lt;/script&gt; is missing in 25 of 370 rows",
		"pump.current was outside the learnt range (0 to 20 °C) in 30 of 370 rows",
		"Normal is what the machine did in 2,900 of 3,000 learning rows. False alarms to be expected in 30 days of running time: 1.2 (0.1 to 4); wanted: 1.",
		"less than a shift",
		"06:07:31, back to normal",
		"still open",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of a recording lacks %q", want)
		}
	}
	page = string(learnt(t))
	for _, want := range []string{
		`<p class="badge warn">1 warning</p>`,
		"Learnt from 337 of 400 rows: 6 min, one row each 1 s.",
		"30 rows left out: the machine did not run",
		"5 rows left out: no value",
		"the first 20 rows were learnt but set no limit",
		"2 of 300 learning rows score above the threshold. False alarms to be expected in 30 days",
		"48-32-4-32-48, int8",
		"x 2.0, bounded by its range",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of a training lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(regexp.MustCompile(`(?s)<style>.*?</style>|<svg.*?</svg>|<[^>]*>`).ReplaceAllString(string(scored(t, 400))+page, " "))
	}
}

// TestLittle: a recording of next to nothing gives a page too.
func TestLittle(t *testing.T) {
	for _, rows := range []int{0, 1, 2} {
		r := NewRecording(parts(names...))
		feed(r, rows)
		var b bytes.Buffer
		if err := WriteScore(&b, r, about); err != nil {
			t.Fatal(err)
		}
		wellFormed(t, b.Bytes())
		if !strings.Contains(b.String(), "nothing was scored") {
			t.Errorf("%d rows: the page does not say that nothing was scored", rows)
		}
		b.Reset()
		if err := WriteTrain(&b, r, &train.Report{Channels: make([]train.ChannelReport, 3)}, &train.Details{}, about); err != nil {
			t.Fatal(err)
		}
		wellFormed(t, b.Bytes())
	}
}

// TestMonth checks the size of the file and the memory for 2.6 million rows of many
// channels with a flood of alarms.
func TestMonth(t *testing.T) {
	rows := 30 * 86400
	if testing.Short() {
		rows = 100_000
	}
	var many []string
	for i := range 30 {
		many = append(many, "channel."+string(rune('a'+i%26))+strings.Repeat("x", i))
	}
	r := NewRecording(parts(many...))
	values, expected, shares := make([]float64, 30), make([]float64, 30), make([]float32, 30)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	at, open := begin, false
	for i := range rows {
		at = at.Add(time.Second)
		j := i % 30
		values[j], expected[j], shares[j] = float64(i*7919%1000), 500, float32(i%17)/1000
		score := 0.5
		if i%1000 < 300 {
			score = float64(1 + i%1000)
		}
		r.Push(Row{Time: at, Values: values, State: Scored, Score: score, Expected: expected, Shares: shares})
		ev := detect.Event{Kind: detect.ProcessAnomaly, Time: at, Since: at.Add(-2 * time.Second), Until: at, Peak: score, State: detect.Open}
		switch {
		case i%1000 == 3:
			r.Event(ev)
			open = true
		case i%1000 == 301 && open:
			ev.State, open = detect.Close, false
			r.Event(ev)
		}
	}
	runtime.ReadMemStats(&after)
	var b bytes.Buffer
	if err := WriteScore(&b, r, about); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d KiB of HTML, %d KiB allocated", b.Len()>>10, (after.TotalAlloc-before.TotalAlloc)>>10)
	if b.Len() > 3<<20 {
		t.Errorf("%d bytes of HTML, want at most 3 MiB", b.Len())
	}
	if got := after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc); got > 64<<20 {
		t.Errorf("%d bytes held, want at most 64 MiB", got)
	}
	wellFormed(t, b.Bytes())
}

// TestPush_allocates: a row allocates nothing, with an event or without.
func TestPush_allocates(t *testing.T) {
	r := NewRecording(parts(names...))
	feed(r, 385)
	row := Row{Time: begin.Add(time.Hour), Values: []float64{1, 2, math.NaN()}, State: Scored, Score: 2, Expected: []float64{1, 2, 3}, Shares: []float32{1, 0, 0}}
	if n := testing.AllocsPerRun(200, func() {
		row.Time = row.Time.Add(time.Second)
		r.Push(row)
	}); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
}

// FuzzPages puts any names and values on both pages.
func FuzzPages(f *testing.F) {
	f.Add("a", "°C", "r.csv", []byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Add("<script>alert(1)</script>", "\"><b>", "</title>\x00", binary.LittleEndian.AppendUint64(nil, math.Float64bits(1e308)))
	f.Add("\xff", "&amp;", "'", binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.Inf(-1))), math.Float64bits(math.NaN())))
	f.Fuzz(func(t *testing.T, name, unit, file string, data []byte) {
		p := parts(name, "b")
		p.Schema.Channels[0].Unit = unit
		p.Training.Warnings = []string{name + unit}
		r := NewRecording(p)
		next := func() float64 {
			var b [8]byte
			n := copy(b[:], data)
			data = data[n:]
			return math.Float64frombits(binary.LittleEndian.Uint64(b[:]))
		}
		at, rows := begin, 0
		for len(data) > 0 && rows < 200 {
			rows++
			state := State(data[0] % 4)
			at = at.Add(time.Duration(int8(data[0])) * time.Second * time.Duration(1+rows%3*1000))
			score := next()
			if math.IsInf(score, 0) {
				score = 5 // a Scorer's score is finite
			}
			r.Push(Row{Time: at, Values: []float64{next(), next()}, State: state, Score: math.Abs(score), Expected: []float64{next(), next()}, Shares: []float32{float32(next()), 0.5}})
			if rows%5 == 0 {
				r.Event(detect.Event{Kind: detect.ProcessAnomaly, State: []detect.State{detect.Open, detect.Update, detect.Close}[rows/5%3], Time: at, Since: at.Add(-time.Minute), Until: at,
					Peak: next(), Causes: []detect.Cause{{Channel: name, Unit: unit, Share: next(), Value: next(), Expected: next()}}, Missing: []string{name}, Reason: name})
			}
		}
		about := About{Recording: file, Model: name, Version: unit, SHA256: file}
		var b bytes.Buffer
		if err := WriteScore(&b, r, about); err != nil {
			t.Fatal(err)
		}
		wellFormed(t, b.Bytes())
		b.Reset()
		rep, det := report(name, "b")
		rep.Channels[0].SD, rep.Channels[0].Median, det.Residuals[0][0], det.Loss[0] = next(), next(), next(), math.Abs(next())
		if err := WriteTrain(&b, r, rep, det, about); err != nil {
			t.Fatal(err)
		}
		wellFormed(t, b.Bytes())
	})
}

// TestWarnings_many: many channels with the same warning get one sentence.
func TestWarnings_many(t *testing.T) {
	var many []string
	for i := range 52 {
		many = append(many, "c"+string(rune('a'+i/26))+string(rune('a'+i%26)))
	}
	r := NewRecording(parts(many...))
	values := make([]float64, 52)
	for i := range values {
		values[i] = 99
	}
	for i := range 100 {
		r.Push(Row{Time: begin.Add(time.Duration(i) * time.Second), Values: values, State: Filling, Score: math.NaN()})
	}
	got := r.warnings()
	if len(got) != 1 || !strings.HasPrefix(got[0], "52 channels were outside the learnt range in more than 5 % of the rows; see the table of channels: caa, cab") ||
		!strings.HasSuffix(got[0], "cbn and 12 more") {
		t.Errorf("warnings %q", got)
	}
}
