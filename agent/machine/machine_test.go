package machine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/model"
)

// plantRow is a small machine: speed drives flow and current; idle rows stand
// still. bias is added to the flow.
func plantRow(rnd *rand.Rand, i int, running bool, bias float64) []float64 {
	if !running {
		return []float64{0, 0, 0.1, 20}
	}
	speed := 40 + 2*math.Sin(float64(i)/3.1) + 2*math.Sin(float64(i)/5.3) + math.Sin(float64(i)/1.7) + 0.1*rnd.NormFloat64()
	return []float64{speed, 0.5*speed + 0.1*rnd.NormFloat64() + bias, 0.2*speed + 0.05*rnd.NormFloat64(), 60 + 0.2*rnd.NormFloat64()}
}

// collected is a Reporter that keeps what it is told.
type collected struct {
	events []detect.Event
	err    error
}

func (c *collected) Event(ev detect.Event, _ report.ModelRef) error {
	c.events = append(c.events, ev)
	return c.err
}

func (c *collected) EventID(detect.Event) string { return "" }

func options(t testing.TB, rep Reporter) Options {
	dir := t.TempDir()
	s := model.Schema{Period: time.Second, RunWhen: &model.Condition{Channel: "speed", Above: 5, Below: math.NaN(), Settle: 3 * time.Second}}
	for _, n := range []string{"speed", "flow", "current", "temp"} {
		s.Channels = append(s.Channels, model.Channel{Name: n})
	}
	p := detect.DefaultPolicy("pump1", s.Channels)
	p.Hold, p.Repeats, p.Update = 10*time.Second, 0, 0
	return Options{Schema: s, Sensors: []string{"a", "a", "a", "a"}, Models: state.OpenModels(filepath.Join(dir, "models")),
		Learn:  Learn{Allow: true, Duty: 1, Rows: state.RowLogOptions{Path: filepath.Join(dir, "learn", "pump1.rows"), Schema: s.Hash(), Channels: 4, Want: 400, SettleRows: 3}},
		Policy: p,
		Limits: []detect.Limit{{Channel: "temp", Unit: "°C", Index: 3, Warn: 80, Alarm: 90, WarnLow: math.NaN(), AlarmLow: math.NaN(), Hold: 5 * time.Second}},
		Report: rep, Log: slog.New(slog.DiscardHandler)}
}

// TestTold: the log names who is to blame and nothing that an event has not.
func TestTold(t *testing.T) {
	ev := detect.Event{Kind: detect.ProcessAnomaly, State: detect.Open, Severity: detect.High, Score: 1.60049, Reason: "why",
		Causes: []detect.Cause{{Channel: "flow"}, {Channel: "speed"}}}
	fault := detect.Event{Kind: detect.SensorFault, State: detect.Close, Severity: detect.Warning, Score: math.NaN(), Key: "pump", Reason: "delivers again"}
	limit := ev
	limit.Kind, limit.Key = detect.LimitExceeded, "temp"
	for _, tc := range []struct {
		ev   detect.Event
		want string
	}{
		{ev, "level=INFO msg=event event=gw7-a91d-e1 kind=process_anomaly state=open severity=high channel=flow score=1.6 detail=why\n"},
		{limit, "level=INFO msg=event event=gw7-a91d-e1 kind=limit state=open severity=high channel=temp score=1.6 detail=why\n"},
		{fault, "level=INFO msg=event event=gw7-a91d-e1 kind=sensor_fault state=close severity=warning key=pump reason=\"delivers again\"\n"},
	} {
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("event", told(tc.ev, "gw7-a91d-e1")...)
		if _, got, _ := strings.Cut(b.String(), " "); got != tc.want {
			t.Errorf("got %s want %s", got, tc.want)
		}
	}
}

// feeder pushes rows a second apart, as the sampler would.
type feeder struct {
	t   *testing.T
	m   *Machine
	rnd *rand.Rand
	at  time.Time
	n   int

	last []float64 // the row that was pushed last

	shift  func(row int) time.Duration // of the wall clock; nil = none
	period time.Duration               // 0 = 1 s
}

func newFeeder(t *testing.T, o Options) *feeder {
	t.Helper()
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return &feeder{t: t, m: m, rnd: rand.New(rand.NewPCG(1, 2)), at: time.Now()}
}

func (f *feeder) push(row []float64) {
	q := make([]sampler.Quality, len(row))
	for i, v := range row {
		q[i] = sampler.Good
		if math.IsNaN(v) {
			q[i] = sampler.Missing
		}
	}
	f.at, f.n, f.last = f.at.Add(cmp.Or(f.period, time.Second)), f.n+1, row
	at := f.at
	if f.shift != nil {
		at = driverstest.Stepped(at, f.shift(f.n))
	}
	f.m.row(f.t.Context(), &sampler.Frame{Time: at, Values: row, Quality: q})
	f.m.keeper.wait() // what it writes beside the rows
}

func (f *feeder) rows(n int, running bool, bias float64) {
	for range n {
		f.push(plantRow(f.rnd, f.n, running, bias))
	}
}

// learnt feeds rows until the model is active. While it is trained there is one
// row, however long that takes here: those that wait are scored afterwards.
func (f *feeder) learnt() {
	f.t.Helper()
	for from := f.n; f.m.model == nil; f.await() {
		if f.rows(1, true, 0); f.n > from+10_000 {
			f.t.Fatalf("no model: %+v", f.m.Status())
		}
	}
}

// await waits for the training that is under way, so that the rows of a test are
// the same on a slow machine.
func (f *feeder) await() {
	f.t.Helper()
	for end := time.Now().Add(5 * time.Minute); f.m.training != nil && len(f.m.training) == 0 && f.m.learnt == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			f.t.Fatalf("training does not end: %+v", f.m.Status())
		}
	}
}

// watching feeds normal rows until scores have come for a while.
func (f *feeder) watching() {
	f.t.Helper()
	for from := f.m.Status().Scored; f.m.Status().Scored < from+100; {
		if f.rows(1, true, 0); f.n > 10_000 {
			f.t.Fatalf("no scores: %+v", f.m.Status())
		}
	}
}

// until feeds rows until the machine is in the state.
func (f *feeder) until(st judge.State, bias float64) {
	f.t.Helper()
	for range 600 {
		f.rows(1, true, bias)
		if f.m.Status().State == st {
			return
		}
	}
	f.want(st)
}

func (f *feeder) want(st judge.State) {
	f.t.Helper()
	if got := f.m.Status(); got.State != st {
		f.t.Fatalf("state %s (%s), want %s", got.State, got.Note, st)
	}
}

func TestLearnsWatchesAndTells(t *testing.T) {
	rep := &collected{}
	f := newFeeder(t, options(t, rep))
	f.want(judge.Learning)
	f.rows(100, true, 0)
	if p := f.m.Status().Learning; p.Phase != "collecting" || p.Have != 97 || p.Done < 0.2 || p.Done > 0.3 {
		t.Errorf("progress %+v, want 97 of 400 rows: three settle", p)
	}
	f.rows(60, false, 0)
	if p := f.m.Status().Learning; p.Have != 97 {
		t.Errorf("idle rows were learnt: %+v", p)
	}
	f.learnt()
	f.watching()
	f.want(judge.Normal)
	if s := f.m.Status(); !(s.Score < 1) || s.Model.SHA256 == "" {
		t.Errorf("score %v, model %+v", s.Score, s.Model)
	}
	f.until(judge.Anomaly, -6)
	ev := rep.events[0]
	if ev.State != detect.Open || ev.Kind != detect.ProcessAnomaly || ev.Causes[0].Channel != "flow" || ev.Causes[0].Direction != "below" {
		t.Errorf("event %+v, want the flow below", ev)
	}
	f.until(judge.Normal, 0)
	if last := rep.events[len(rep.events)-1]; last.State != detect.Close {
		t.Errorf("last event %+v, want a close", last)
	}
	f.rows(5, false, 0)
	f.want(judge.Idle)
	for range 10 {
		f.push([]float64{math.NaN(), math.NaN(), math.NaN(), 60})
	}
	f.want(judge.Blind)
	f.until(judge.Normal, 0)
}

// TestLearningIsToldBeforeTheFirstRow: a machine whose sensors are dead from the
// start says what it waits for and how long that takes, never an empty phase.
func TestLearningIsToldBeforeTheFirstRow(t *testing.T) {
	f := newFeeder(t, options(t, &collected{}))
	want := Progress{Phase: "collecting", Remaining: 400 * time.Second, Want: 400}
	if p := f.m.Status().Learning; p != want {
		t.Errorf("before the first row: %+v, want %+v", p, want)
	}
	nan := math.NaN()
	f.push([]float64{nan, nan, nan, nan})
	if p := f.m.Status().Learning; p != want {
		t.Errorf("after a row without values: %+v, want %+v", p, want)
	}
}

func TestModelAndEventsSurviveARestart(t *testing.T) {
	rep := &collected{}
	o := options(t, rep)
	f := newFeeder(t, o)
	f.learnt()
	f.watching()
	f.until(judge.Anomaly, -6)
	open := rep.events[0]
	again := newFeeder(t, o)
	again.want(judge.Normal)
	if got, want := again.m.Status().Model, f.m.Status().Model; got != want {
		t.Errorf("model %+v after the restart, want %+v", got, want)
	}
	if !again.m.Resume(open) {
		t.Fatal("the open event is not continued")
	}
	n := len(rep.events)
	again.rows(800, true, 0)
	for _, ev := range rep.events[n:] {
		if ev.State == detect.Open {
			t.Errorf("opened anew: %+v", ev)
		}
	}
	if last := rep.events[len(rep.events)-1]; last.State != detect.Close {
		t.Errorf("last event %+v, want a close", last)
	}
}

// TestFaultDuringTrainingIsFound: rows that come while the model is being
// trained are scored once it is there.
func TestFaultDuringTrainingIsFound(t *testing.T) {
	rep := &collected{}
	f := newFeeder(t, options(t, rep))
	for f.m.training == nil {
		f.rows(1, true, 0)
	}
	result := <-f.m.training // the trainer is done, the machine does not know yet
	f.m.training = make(chan trained, 1)
	f.rows(600, true, 0)
	begin := f.at
	f.rows(200, true, -6)
	end := f.at
	f.m.training <- result
	f.rows(1, true, 0)
	if len(rep.events) == 0 || rep.events[0].Time.Before(begin) || rep.events[0].Time.After(end) {
		t.Errorf("events %+v, want one between %v and %v", rep.events, begin, end)
	}
}

// TestLimitDuringTrainingIsShown: the state tells of a limit that is exceeded while the
// first model is trained, which may take hours, and of its end.
func TestLimitDuringTrainingIsShown(t *testing.T) {
	f := newFeeder(t, options(t, &collected{}))
	for f.m.training == nil {
		f.rows(1, true, 0)
	}
	f.await()
	f.m.training = make(chan trained, 1) // it goes on
	f.rows(1, true, 0)
	f.want(judge.Learning)
	for range 3 {
		f.push([]float64{40, 20, 8, 95})
	}
	f.want(judge.Limit)
	f.rows(20, true, 0)
	f.want(judge.Learning)
}

// TestRunAbandonsTraining: a machine that is stopped for a reload ends its training,
// though the context of the agent goes on.
func TestRunAbandonsTraining(t *testing.T) {
	o := options(t, &collected{})
	o.Schema.RunWhen, o.Schema.Period, o.Limits = nil, 5*time.Millisecond, nil
	o.Learn.Rows.Schema, o.Learn.Rows.SettleRows, o.Learn.Rows.Want, o.Learn.Duty = o.Schema.Hash(), 0, 200, 0.01
	sensor := &constant{channels: make([]drivers.Channel, 4)}
	spec := sampler.MachineSpec{Name: "pump1", Period: o.Schema.Period}
	for i, c := range o.Schema.Channels {
		sensor.channels[i].Name = c.Name
		spec.Cells = append(spec.Cells, sampler.Cell{Sensor: "a", Index: i})
	}
	group, err := sampler.New([]sampler.BusSpec{{Name: "a", Sensors: []sampler.SensorSpec{{Name: "a", Sensor: sensor, Period: o.Schema.Period}}}}, nil, []sampler.MachineSpec{spec})
	if err != nil {
		t.Fatal(err)
	}
	o.Sampler = group.Sampler("pump1")
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go group.Run(t.Context())
	go func() { defer close(ended); m.Run(t.Context()) }()
	for m.Status().Learning.Phase != "training" {
		time.Sleep(o.Schema.Period)
	}
	group.Stop("pump1")
	<-ended
	if m.training == nil {
		t.Fatal("trained already: the test needs more rows")
	}
	select {
	case r := <-m.training:
		if !errors.Is(r.err, context.Canceled) {
			t.Errorf("training ended with %v, want it abandoned", r.err)
		}
	case <-time.After(30 * time.Second):
		t.Error("training goes on though its machine has stopped")
	}
}

// constant is a sensor whose values wander a little.
type constant struct {
	channels []drivers.Channel
	n        int
}

func (c *constant) Channels() []drivers.Channel { return c.channels }

func (c *constant) Read(_ context.Context, dst []float64) error {
	for i := range dst {
		c.n++
		dst[i] = 40 + math.Sin(float64(c.n))
	}
	return nil
}

func (c *constant) Close() error { return nil }

// TestModelWaitsForTheDisk: a model that cannot be stored when it is learnt is
// kept and stored later; nothing is learnt anew.
func TestModelWaitsForTheDisk(t *testing.T) {
	o := options(t, &collected{})
	folder := filepath.Join(t.TempDir(), "models")
	if err := os.WriteFile(folder, nil, 0o600); err != nil { // a file where the folder must be
		t.Fatal(err)
	}
	o.Models = state.OpenModels(filepath.Join(folder, "pump1"))
	f := newFeeder(t, o)
	for f.m.learnt == nil {
		f.rows(1, true, 0)
		f.await()
	}
	f.rows(20, true, 0) // they are judged once the model is in force
	if got, want := f.m.Status().Storing, f.m.learnt.model.SHA256(); got != want || want == "" {
		t.Errorf("stores %q, want %q: a reload takes it for somebody else's", got, want)
	}
	if s := f.m.Status(); s.State != judge.Learning || s.Errors == 0 || s.Learning.Phase != "training" {
		t.Fatalf("%s, %d errors, %+v: want the trouble told and the phase kept", s.State, s.Errors, s.Learning)
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	f.m.storeAt = time.Time{} // half a minute later
	f.rows(1, true, 0)
	f.await()
	f.rows(1, true, 0)
	f.want(judge.Normal)
	if v := o.Models.Versions(); len(v) != 1 {
		t.Errorf("versions %v", v)
	}
	if s := f.m.Status(); s.Error != "" || s.Errors == 0 {
		t.Errorf("error %q, %d errors; want it over and counted", s.Error, s.Errors)
	}
}

// TestDeadSensorDoesNotKeepTheOthersFromBeingWatched: one channel has no value
// in the whole learning phase.
func TestDeadSensorDoesNotKeepTheOthersFromBeingWatched(t *testing.T) {
	rep := &collected{}
	f := newFeeder(t, options(t, rep))
	dead := func(bias float64) {
		row := plantRow(f.rnd, f.n, true, bias)
		row[3] = math.NaN()
		f.push(row)
	}
	for f.m.model == nil {
		dead(0)
		if f.await(); f.n > 100_000 {
			t.Fatalf("never learnt: %+v", f.m.Status())
		}
	}
	for range 300 {
		dead(0)
	}
	f.want(judge.Normal)
	for range 200 {
		dead(-6)
	}
	f.want(judge.Anomaly)
}

func TestBacklogKeepsTheNewest(t *testing.T) {
	b := newBacklog(2, 0)
	start := time.Now()
	n := b.limit + b.limit/3
	for i := range n {
		b.add(&sampler.Frame{Time: start.Add(time.Duration(i)), Values: []float64{float64(i), float64(-i)}})
	}
	if b.len() != b.limit || b.gone != n-b.limit {
		t.Fatalf("%d rows, want %d", b.len(), b.limit)
	}
	for i := range b.len() {
		at, row := b.row(i)
		if want := n - b.limit + i; row[0] != float64(want) || row[1] != float64(-want) || at.Sub(start) != time.Duration(want) {
			t.Fatalf("row %d is %v at %v, want %d", i, row, at.Sub(start), want)
		}
	}
}

func TestLimitsWorkWhileLearning(t *testing.T) {
	rep := &collected{}
	f := newFeeder(t, options(t, rep))
	f.rows(20, true, 0)
	for range 20 {
		row := plantRow(f.rnd, f.n, true, 0)
		row[3] = 95
		f.push(row)
	}
	if len(rep.events) == 0 || rep.events[0].Kind != detect.LimitExceeded || rep.events[0].Severity != detect.Critical {
		t.Fatalf("events %+v, want a critical limit", rep.events)
	}
	have := f.m.Status().Learning.Have
	f.rows(3, true, 0)
	if got := f.m.Status().Learning.Have; got != have {
		t.Errorf("%d rows learnt while a limit event is open", got-have)
	}
	if note := f.m.Status().Note; note != "a limit is exceeded: waiting" {
		t.Errorf("note %q", note)
	}
}

// TestLimitsWorkInEveryState: a limit needs neither a model nor a machine that
// runs, only a good value.
func TestLimitsWorkInEveryState(t *testing.T) {
	for name, tc := range map[string]struct {
		allow   bool
		prepare func(*feeder)
	}{
		"learning, standing still": {true, func(*feeder) {}},
		"no model, none allowed":   {false, func(*feeder) {}},
		"idle":                     {true, func(f *feeder) { f.learnt(); f.watching(); f.rows(10, false, 0); f.want(judge.Idle) }},
	} {
		t.Run(name, func(t *testing.T) {
			rep := &collected{}
			o := options(t, rep)
			o.Learn.Allow = tc.allow
			f := newFeeder(t, o)
			tc.prepare(f)
			for range 5 {
				row := plantRow(f.rnd, f.n, false, 0)
				row[3] = 95
				f.push(row)
			}
			n := len(rep.events)
			if n == 0 || rep.events[n-1].Kind != detect.LimitExceeded || rep.events[n-1].State != detect.Open || rep.events[n-1].Causes[0].Channel != "temp" {
				t.Fatalf("events %+v, want a limit opened", rep.events)
			}
			for range 40 { // without the value the event does not close, and tells it once
				f.push([]float64{0, 0, 0.1, math.NaN()})
			}
			if failed := f.m.Status().Failed[NoModel]; (failed == 45) != (name == "no model, none allowed") || failed != 0 && failed != 45 {
				t.Errorf("%d rows without a model are errors", failed)
			}
			if more := rep.events[n:]; len(more) != 1 || more[0].State != detect.Update || !slices.Equal(more[0].Missing, []string{"temp"}) {
				t.Errorf("events %+v from rows without the value, want one update", more)
			}
		})
	}
}

func TestReportErrorsAreCounted(t *testing.T) {
	o := options(t, &collected{err: errors.New("disk full")})
	f := newFeeder(t, o)
	f.learnt()
	f.watching()
	f.until(judge.Anomaly, -6)
	if s := f.m.Status(); s.Errors == 0 || s.Error != "" {
		t.Errorf("%d errors, %q; want them counted, and told by the queue as long as they last", s.Errors, s.Error)
	}
}

func TestRowToEventAllocatesNothing(t *testing.T) {
	o := options(t, &collected{})
	o.Inference, o.Score = func(float64) {}, func(float64) {}
	f := newFeeder(t, o)
	f.learnt()
	f.watching()
	row := plantRow(f.rnd, f.n, true, 0)
	fr := &sampler.Frame{Time: f.at, Values: row, Quality: []sampler.Quality{1, 1, 1, 1}}
	ctx := context.Background()
	if n := testing.AllocsPerRun(500, func() {
		fr.Time = fr.Time.Add(time.Second)
		f.m.row(ctx, fr)
	}); n != 0 {
		t.Errorf("%v allocations a row, want 0", n)
	}
}

// TestLatchedEventWaits: what is over stays open until it is unlatched, across a
// restart too.
func TestLatchedEventWaits(t *testing.T) {
	rep := &collected{}
	o := options(t, rep)
	o.Policy.Latch = true
	f := newFeeder(t, o)
	f.learnt()
	f.watching()
	f.until(judge.Anomaly, -6)
	f.rows(500, true, 0)
	f.want(judge.Anomaly) // as the retained state has it
	held := rep.events[len(rep.events)-1]
	if held.State != detect.Update || held.Reason != detect.ReasonHeld {
		t.Fatalf("last event %+v, want it held", held)
	}
	again := newFeeder(t, o)
	if !again.m.Resume(held) {
		t.Fatal("the held event is not continued")
	}
	again.rows(200, true, 0)
	if last := rep.events[len(rep.events)-1]; last.State != detect.Update {
		t.Fatalf("last event %+v before it was unlatched", last)
	}
	again.want(judge.Anomaly)
	again.m.Unlatch()
	again.rows(1, true, 0)
	again.want(judge.Normal)
	if last := rep.events[len(rep.events)-1]; last.State != detect.Close || last.Reason != detect.ReasonUnlatched || !last.Since.Equal(held.Since) {
		t.Errorf("last event %+v, want it unlatched", last)
	}
}
