package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"time"

	"iot-edge-anomaly/agent/chart"
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/history"
	"iot-edge-anomaly/agent/htmlreport"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/agent/status"
)

// Options say who is asked, and for what.
type Options struct {
	Socket string                         // of the agent
	Config func() (*config.Config, error) // where no agent runs
	JSON   bool                           // instead of text
	HTML   string                         // file for a page beside the text; empty = none
	Now    time.Time
}

// ask gets the days of the months from one to another.
func ask(ctx context.Context, socket string, from, to time.Time) (a history.Answer, err error) {
	err = control.Ask(ctx, socket, "history", history.Ask{From: from.Format("2006-01"), To: to.Format("2006-01")}, &a)
	return a, err
}

// MostSince is the longest time that Status tells of: it is in history.MostMonths, whichever
// they are.
const MostSince = 62 * 24 * time.Hour

// Status says how the agent is, or with since what the time since then came to. The level
// is that of the agent. It fails where no agent answers.
func Status(ctx context.Context, o Options, since time.Duration) (string, status.Level, error) {
	if since > 0 {
		return week(ctx, o, since)
	}
	var s control.Status
	if err := control.Get(ctx, o.Socket, "status", &s); err != nil {
		return "", 0, err
	}
	if !o.JSON {
		return s.Screen(), s.Status, nil
	}
	text, err := encode(s)
	return text, s.Status, err
}

// encode is a line of JSON.
func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b) + "\n", err
}

// week says what the time since then came to, and how the agent is now.
func week(ctx context.Context, o Options, since time.Duration) (string, status.Level, error) {
	from := o.Now.UTC().Add(-since)
	a, err := ask(ctx, o.Socket, from, o.Now.UTC())
	if err == nil && a.Live == nil {
		err = errors.New("the agent does not say how it is: is it of another version?")
	}
	if err != nil {
		return "", 0, err
	}
	r := &review{Answer: a, period: history.Period{From: from.Format(time.DateOnly), To: a.Now.Format(time.DateOnly)}}
	r.now = a.Total(r.period, a.Now)
	s := &sheet{}
	s.Title = fmt.Sprintf("%s, site %s, %s to %s", a.Device, a.Site, r.period.From, r.period.To)
	h := a.Live.Health
	s.Badge = fmt.Sprintf("%s, plant %s", h.Status, h.Plant)
	for _, name := range slices.Sorted(maps.Keys(h.Checks)) {
		if c := h.Checks[name]; c.Status != status.Healthy {
			s.warn("%s: %s: %s", name, c.Status, c.Detail)
		}
	}
	r.fill(s)
	text, err := r.text(s, o.JSON)
	return text, h.Status, err
}

// text is the sheet for a terminal, or the numbers as JSON.
func (r *review) text(s *sheet, asJSON bool) (string, error) {
	if asJSON {
		return r.json()
	}
	return s.text(), nil
}

// Month is the report of a month, "2026-11", beside the month before. An empty month
// is the one before this, or where there is no record of that, this one so far.
func Month(ctx context.Context, o Options, month string) (string, error) {
	first := time.Date(o.Now.UTC().Year(), o.Now.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	this := first
	if month == "" {
		first = first.AddDate(0, -1, 0)
	} else {
		first, _ = time.Parse("2006-01", month) // IsMonth
	}
	last := first
	if month == "" {
		last = this
	}
	a, err := ask(ctx, o.Socket, first.AddDate(0, -1, 0), last)
	if errors.Is(err, control.ErrNotRunning) {
		a, err = fromDisk(o, first.AddDate(0, -1, 0), last, err)
	}
	if err != nil {
		return "", err
	}
	r := &review{Answer: a}
	r.period = monthOf(first)
	if r.now = a.Total(r.period, a.Now); len(r.now.Days) == 0 && month == "" {
		first = this
		r.period = monthOf(first)
		r.now = a.Total(r.period, a.Now)
	}
	if r.before = a.Total(monthOf(first.AddDate(0, -1, 0)), a.Now); len(r.before.Days) == 0 {
		r.before = nil
	}
	s := &sheet{}
	s.Title = fmt.Sprintf("%s, site %s, %s", a.Device, a.Site, first.Format("January 2006"))
	s.Badge = r.badge()
	if first.Equal(this) {
		s.say("The month is not over: this is what it came to so far.")
	}
	switch {
	case r.period.From > a.Now.UTC().Format(time.DateOnly):
		s.warn("this month has not begun: it is %s by the clock of the gateway", a.Now.UTC().Format(time.DateOnly))
	case len(r.now.Days) == 0:
		s.warn("there is no record of this month: the gateway did not run, its clock was wrong, or it is too long ago")
	}
	r.fill(s)
	r.outlook(s)
	r.curves(s)
	if s.Tone = "good"; len(s.Warnings) > 0 {
		s.Tone = "warn"
	}
	if o.HTML != "" {
		if st, err := os.Stat(o.HTML); err == nil && st.IsDir() {
			o.HTML = filepath.Join(o.HTML, filepath.Base(a.Device+"-"+first.Format("2006-01")+".html"))
		}
		if err := writePage(o.HTML, &s.Sheet); err != nil {
			return "", err
		}
	}
	return r.text(s, o.JSON)
}

// IsMonth tells whether Month can be asked for it.
func IsMonth(month string) bool {
	_, err := time.Parse("2006-01", month)
	return month == "" || err == nil
}

func monthOf(first time.Time) history.Period {
	return history.Period{From: first.Format(time.DateOnly), To: first.AddDate(0, 1, -1).Format(time.DateOnly)}
}

// fromDisk reads the days from the state folder.
func fromDisk(o Options, from, to time.Time, why error) (a history.Answer, err error) {
	c, err := o.Config()
	if err != nil {
		return a, err
	}
	if a.Record, err = history.Read(filepath.Join(c.State, history.Folder), from.Format("2006-01"), to.Format("2006-01")); err != nil {
		return a, errors.Join(why, err)
	}
	a.Device, a.Site, a.Now, a.Wear.Percent = c.Gateway.ID, c.Gateway.Site, o.Now.UTC(), -1
	a.Wanted = map[string]float64{}
	for i := range c.Machines {
		a.Wanted[c.Machines[i].Name] = c.Machines[i].Detect.FalseAlarms
	}
	return a, nil
}

func writePage(path string, s *htmlreport.Sheet) error {
	f, err := state.Create(path, 0o644)
	if err == nil {
		if err = htmlreport.WriteSheet(f, s); err != nil {
			err = errors.Join(err, f.Drop())
		} else {
			err = f.Commit()
		}
	}
	if err != nil {
		return fmt.Errorf("--html %s: %w", path, err)
	}
	return nil
}

// review is one period of a gateway, perhaps beside the one before.
type review struct {
	history.Answer
	period history.Period
	now    *history.Total
	before *history.Total // nil = there is none
}

// numbers are a period in JSON.
type numbers struct {
	Days    int               `json:"days"` // with a record
	Missing []string          `json:"missing"`
	SpanS   float64           `json:"span_s"` // of which there can be a record
	UpS     float64           `json:"up_s"`
	Starts  int               `json:"starts"`
	Crashes int               `json:"crashes"`
	Alarms  []history.Alarm   `json:"alarms"`
	Errors  map[string]uint64 `json:"errors"`
	Figures *history.Part     `json:"figures"`
}

func (r *review) json() (string, error) {
	out := struct {
		From    string             `json:"from"`
		To      string             `json:"to"`
		Live    *history.Live      `json:"live"`
		Wanted  map[string]float64 `json:"false_alarms_wanted"`
		Damaged []string           `json:"damaged,omitempty"`
		Period  *numbers           `json:"period"`
		Before  *numbers           `json:"before,omitempty"`
	}{r.period.From, r.period.To, r.Live, r.Wanted, r.Damaged, numbersOf(r.now), nil}
	if r.before != nil {
		out.Before = numbersOf(r.before)
	}
	return encode(out)
}

func numbersOf(t *history.Total) *numbers {
	return &numbers{len(t.Days), append([]string{}, t.Missing...), t.Span, t.Up, t.Starts, t.Crashes, sorted(t), t.Errors, t.Short()}
}

// sorted are the alarms, those of machines first, then the most frequent.
func sorted(t *history.Total) []history.Alarm {
	all := append([]history.Alarm{}, t.Opened()...)
	sort.Slice(all, func(i, j int) bool { // package slices would make ten kilobytes more of the program
		a, b := &all[i], &all[j]
		switch p, q := a.OfPlant(), b.OfPlant(); {
		case p != q:
			return p
		case a.N != b.N:
			return a.N > b.N
		}
		return a.Key() < b.Key()
	})
	return all
}

// badge is the month in a few words.
func (r *review) badge() string {
	n := uint64(0)
	for _, a := range r.now.Opened() {
		if a.OfPlant() {
			n += a.N
		}
	}
	return fmt.Sprintf("%d alarms of machines, ran %s of the time", n, share(r.now.Up, r.now.Span))
}

func share(part, whole float64) string {
	if whole <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.4g %%", min(100, 100*part/whole))
}

func span(seconds float64) string {
	if seconds == 0 {
		return "0"
	}
	return chart.Span(time.Duration(seconds * float64(time.Second)))
}
