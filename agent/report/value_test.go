package report

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/spool"

	"pgregory.net/rapid"
)

// What a value says is what was written, but for what is not kept.
func TestValue(t *testing.T) {
	text := rapid.StringN(0, 20, -1)
	number := rapid.Custom(func(t *rapid.T) num { return num(rapid.Float64().Draw(t, "number")) })
	moment := rapid.Custom(func(t *rapid.T) stamp {
		s := stamp{Sure: rapid.Bool().Draw(t, "sure"), Boot: rapid.SampledFrom([]string{"", boot1, boot2}).Draw(t, "boot"), Up: time.Duration(rapid.Int64().Draw(t, "up"))}
		if rapid.Bool().Draw(t, "wall") {
			s.Wall = noon.Add(time.Duration(rapid.Int64Range(-1e18, 1e18).Draw(t, "at")))
		}
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		r := record{ID: "gw7-4f2a-e7", Machine: text.Draw(t, "machine"), Kind: detect.LimitExceeded, Key: text.Draw(t, "key"), Severity: detect.High,
			Since: moment.Draw(t, "since"), Seen: moment.Draw(t, "seen"), Score: number.Draw(t, "score"), Peak: number.Draw(t, "peak"), Percentile: number.Draw(t, "percentile"),
			Detail: text.Draw(t, "detail"), Group: text.Draw(t, "group")}
		r.Model = rapid.SampledFrom([]ModelRef{{}, theModel, {Version: "v", SHA256: "not hex"}}).Draw(t, "model")
		for range rapid.IntRange(0, 3).Draw(t, "causes") {
			r.Causes = append(r.Causes, cause{Channel: text.Draw(t, "channel"), Unit: "A", Share: 0.25, Value: number.Draw(t, "value"), Expected: number.Draw(t, "expected"), Direction: "above"})
		}
		b := r.encode(false)
		got, err := decodeRecord(r.ID, b)
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", r) {
			t.Fatalf("got  %+v, %v\nwant %+v", got, err, r)
		}
		for n := range b { // a part of a value is none
			if _, err := decodeRecord(r.ID, b[:n]); err == nil {
				t.Fatalf("%d of %d bytes were accepted", n, len(b))
			}
		}
		r.Model, r.Detail, r.Causes = ModelRef{}, "", nil
		if got, err := decodeRecord(r.ID, r.encode(true)); err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", r) {
			t.Fatalf("in brief: got %+v, %v\nwant %+v", got, err, r)
		}
	})
}

func FuzzValue(f *testing.F) {
	r := record{Machine: "pump1", Kind: detect.ProcessAnomaly, Since: stamp{Wall: noon, Boot: boot1}, Seen: stamp{Boot: boot1, Up: 5}, Score: num(math.NaN()), Model: theModel,
		Causes: []cause{{Channel: "pump.current", Unit: "A", Share: 0.5, Value: 1, Expected: 2}}}
	f.Add(r.encode(false))
	f.Add(r.encode(true))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord("e1", b)
		if err != nil {
			return
		}
		again, err := decodeRecord("e1", r.encode(false))
		if err != nil || !bytes.Equal(again.encode(false), r.encode(false)) {
			t.Fatalf("%+v written again is %+v, %v", r, again, err)
		}
	})
}

// A folder of the version before, which kept one JSON of all open events: they go on
// under their ids, and their messages arrive.
func TestNew_spoolOfBefore(t *testing.T) {
	dir, c := t.TempDir(), synced()
	must(t, os.CopyFS(dir, os.DirFS("testdata/spool1")))
	for life := range 3 {
		q, err := spool.Open(dir, spool.Options{})
		must(t, err)
		r := newReporter(t, boot2, q, c)
		want := []string{"gw7-4f2a-e1", "gw7-4f2a-e2", "gw7-4f2a-e4"}[min(life, 1):]
		var ids []string
		for _, a := range r.Active() {
			ids = append(ids, a.ID)
		}
		if fmt.Sprint(ids) != fmt.Sprint(want) {
			t.Errorf("life %d: open are %v, want %v", life, ids, want)
		}
		if s := q.Stats(); s.Corrupt != 0 || s.Quarantined != 0 || life == 0 && s.Messages != 5 {
			t.Errorf("life %d: %+v", life, s)
		}
		if life == 0 {
			e, err := q.Next(t.Context(), 0)
			must(t, err)
			if p := parse(t, e.Payload); p.Seq != 2 || p.Source != "pump" {
				t.Errorf("got %+v", p)
			}
			must(t, r.Event(anomaly(detect.Close, c.now()), theModel))
			must(t, q.Flush())
			if got := q.Seq(); got != 7 {
				t.Errorf("number %d", got)
			}
		}
		for _, p := range q.State() {
			if p.Key == "" {
				t.Errorf("life %d: the state is that of before", life)
			}
		}
		must(t, q.Close())
	}
}

// Six hundred limits open at once: none is refused, all are recovered, and the hundred
// after them cost no more than the first.
func TestReporter_spoolManyOpen(t *testing.T) {
	dir, c := t.TempDir(), synced()
	q, err := spool.Open(dir, spool.Options{})
	must(t, err)
	r := newReporter(t, boot1, q, c)
	limit := func(i int, state detect.State) detect.Event {
		channel := fmt.Sprintf("some_sensor_%03d.temperature", i)
		return detect.Event{Machine: "pump1", Kind: detect.LimitExceeded, Key: channel, State: state, Severity: detect.Critical, Score: 1.25, Peak: 1.25,
			Time: c.now(), Since: c.now(), Causes: []detect.Cause{{Channel: channel, Unit: "°C", Share: 1, Value: 91.5, Expected: 80, Direction: "above"}}}
	}
	cost := func(from, to int, state detect.State) uint64 {
		before := q.Stats().Written
		for i := from; i < to; i++ {
			must(t, r.Event(limit(i, state), ModelRef{}))
			must(t, q.Flush())
		}
		return (q.Stats().Written - before) / uint64(to-from)
	}
	first := cost(0, 100, detect.Open)
	cost(100, 600, detect.Open)
	last := cost(500, 600, detect.Update)
	t.Logf("%d bytes an event at first, %d with 600 open", first, last)
	if first > 1024+512 || last > 1024+512 { // and the cursor, a tenth of it
		t.Errorf("%d bytes an event at first, %d with 600 open: want 1 KiB", first, last)
	}
	must(t, q.Close())
	q, err = spool.Open(dir, spool.Options{})
	must(t, err)
	defer q.Close()
	if n := len(newReporter(t, boot2, q, c).Recovered()); n != 600 {
		t.Errorf("recovered %d of 600 events", n)
	}
}
