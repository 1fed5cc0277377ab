package offline

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/drivers/replay"
	"iot-edge-anomaly/model"
)

const month = 30 * 24 * time.Hour

// Sweep is what several alarm policies would have told of a recording.
type Sweep struct {
	Rows     int      `json:"rows"`
	Scored   int      `json:"scored"`
	RunningS float64  `json:"running_s"` // time of the scored rows
	Policies []policy `json:"policies"`
}

// policy is one of them and what it tells.
type policy struct {
	Present  bool        `json:"present"`     // the setting of today
	Above    float32     `json:"score_above"` // from which score a row is loud; the model was learnt for 1
	N        int         `json:"n"`           // of the last M scores must be
	M        int         `json:"m"`
	HoldS    float64     `json:"hold_s"`
	Alarms   int         `json:"alarms"`
	PerMonth float64     `json:"per_month"` // of running time
	OpenS    float64     `json:"open_s"`    // how long one was open
	Causes   []causeOfIt `json:"causes"`    // most alarms first

	open  *detect.Event // its newest step; nil = none is open
	begun time.Time     // when it was announced
}

// causeOfIt is how many of the alarms a channel made most of.
type causeOfIt struct {
	Channel string `json:"channel"`
	Alarms  int    `json:"alarms"`
}

// emit takes a step of an event.
func (p *policy) emit(ev detect.Event) {
	if ev.Kind != detect.ProcessAnomaly {
		return
	}
	if p.open == nil {
		p.begun = ev.Time
	}
	if p.open = &ev; ev.State == detect.Close {
		p.end(ev.Time)
	}
}

// end counts the open event, by the cause that it ended with.
func (p *policy) end(at time.Time) {
	if p.open == nil {
		return
	}
	p.Alarms++
	p.OpenS += max(0, at.Sub(p.begun).Seconds())
	if len(p.open.Causes) > 0 {
		name := p.open.Causes[0].Channel
		i := slices.IndexFunc(p.Causes, func(c causeOfIt) bool { return c.Channel == name })
		if i < 0 {
			i = len(p.Causes)
			p.Causes = append(p.Causes, causeOfIt{Channel: name})
		}
		p.Causes[i].Alarms++
	}
	p.open = nil
}

// open is "3 of 5".
func (p *policy) opens() string { return fmt.Sprintf("%d of %d", p.N, p.M) }

// around are policies around the present one, each of which differs in one thing.
func around(now detect.Policy) []judge.Alternative {
	var out []judge.Alternative
	add := func(above float32, n, m int, hold time.Duration) {
		p := now
		p.N, p.M, p.Hold = n, m, hold
		same := func(a judge.Alternative) bool {
			return a.Above == above && a.Policy.N == n && a.Policy.M == m && a.Policy.Hold == hold
		}
		if !slices.ContainsFunc(out, same) {
			out = append(out, judge.Alternative{Policy: p, Above: above})
		}
	}
	for _, above := range []float32{0.8, 0.9, 1, 1.1, 1.25, 1.5, 2} {
		add(above, now.N, now.M, now.Hold)
	}
	for _, o := range [][2]int{{1, 1}, {2, 3}, {3, 5}, {5, 8}, {10, 15}, {30, 40}} {
		add(1, o[0], o[1], now.Hold)
	}
	for _, hold := range []time.Duration{0, 30 * time.Second, 5 * time.Minute, 30 * time.Minute} {
		add(1, now.N, now.M, hold)
	}
	return out
}

// sweep takes the recording once, and counts what each policy would have told.
func sweep(ctx context.Context, r *replay.Reader, m *model.Model, j *judge.Judge, now detect.Policy, w *csvWarnings) (*Sweep, error) {
	tried := around(now)
	out := &Sweep{Policies: make([]policy, len(tried))}
	for i, a := range tried {
		p := &out.Policies[i]
		*p = policy{Above: a.Above, N: a.Policy.N, M: a.Policy.M, HoldS: a.Policy.Hold.Seconds(), Causes: []causeOfIt{}}
		p.Present = p.Above == 1 && p.N == now.N && p.M == now.M && a.Policy.Hold == now.Hold
		a.Emit = p.emit
		if err := j.Try(a); err != nil {
			return nil, err
		}
	}
	period, rows := m.Schema().Period, batchReader{r: r, tell: j.Ahead}
	var last time.Time
	for ctx.Err() == nil {
		text, at, row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return out, out.finish(last, m.FillRows())
		}
		if !w.tolerate(err) {
			return nil, err
		}
		repeated := w.repeats(text, at, row)
		v := j.Push(at, row)
		if out.Rows++; v.Scored && !repeated {
			out.Scored++
			if step := at.Sub(last); period > 0 {
				out.RunningS += period.Seconds()
			} else if !last.IsZero() && step > 0 {
				out.RunningS += step.Seconds()
			}
		}
		last = at
	}
	return nil, ctx.Err()
}

// finish counts what is open at the end, and what a month would have.
func (s *Sweep) finish(end time.Time, fill int) error {
	if s.RunningS == 0 {
		return fmt.Errorf("none of %s was scored: the first score takes %d running rows in sequence", plural(s.Rows, "row", "rows"), fill)
	}
	for i := range s.Policies {
		p := &s.Policies[i]
		p.end(end)
		p.PerMonth = round(float64(p.Alarms)*month.Seconds()/s.RunningS, 4)
		slices.SortStableFunc(p.Causes, func(a, b causeOfIt) int { return cmp.Or(b.Alarms-a.Alarms, strings.Compare(a.Channel, b.Channel)) })
	}
	return nil
}

// JSON writes an object.
func (s *Sweep) JSON(w io.Writer) error { return json.NewEncoder(w).Encode(s) }

// causesShown is how many channels the table names.
const causesShown = 3

// Print writes a table.
func (s *Sweep) Print(w io.Writer) error {
	running := time.Duration(s.RunningS * float64(time.Second))
	fmt.Fprintf(w, "%s, %d scored: %.4g h of running time\n\n", plural(s.Rows, "row", "rows"), s.Scored, running.Hours())
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "  SCORE ABOVE\tOPEN\tHOLD\tALARMS\tA MONTH\tOPEN FOR\tBY CAUSE")
	for _, p := range s.Policies {
		mark := " "
		if p.Present {
			mark = "*"
		}
		var causes []string
		for i, c := range p.Causes {
			if i == causesShown && len(p.Causes) > causesShown+1 {
				causes = append(causes, fmt.Sprintf("and %d other channels", len(p.Causes)-i))
				break
			}
			causes = append(causes, fmt.Sprintf("%s %d", c.Channel, c.Alarms))
		}
		fmt.Fprintf(tw, "%s %g\t%s\t%v\t%d\t%.4g\t%.2g %%\t%s\n", mark, p.Above, p.opens(), time.Duration(p.HoldS*float64(time.Second)), p.Alarms, p.PerMonth,
			min(100, 100*p.OpenS/s.RunningS), strings.Join(causes, ", "))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	text := "\n* the present setting; detect.open and detect.hold are taken by reload, a score above another than 1 by another detect.false_alarms when the machine is learnt anew\n"
	if running < month {
		text += fmt.Sprintf("a month is %.3g times the running time of this recording\n", float64(month)/float64(running))
	}
	_, err := io.WriteString(w, text)
	return err
}
