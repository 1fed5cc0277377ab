package offline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
		p.count(p.open.Causes[0].Channel)
	}
	p.open = nil
}

// count counts an alarm of a channel. Most alarms come first, then names in their order.
func (p *policy) count(channel string) {
	i := 0
	for i < len(p.Causes) && p.Causes[i].Channel != channel {
		i++
	}
	if i == len(p.Causes) {
		p.Causes = append(p.Causes, causeOfIt{Channel: channel})
	}
	p.Causes[i].Alarms++
	for ; i > 0; i-- {
		a, b := &p.Causes[i-1], &p.Causes[i]
		if a.Alarms > b.Alarms || a.Alarms == b.Alarms && a.Channel < b.Channel {
			break
		}
		*a, *b = *b, *a
	}
}

// opens is "3 of 5".
func (p *policy) opens() string { return fmt.Sprintf("%d of %d", p.N, p.M) }

// around are policies around the present one, each of which differs in one thing.
func around(now detect.Policy) []judge.Alternative {
	out := make([]judge.Alternative, 0, 17)
	for i := range cap(out) {
		a := judge.Alternative{Policy: now, Above: 1}
		p, same := &a.Policy, false
		switch {
		case i < 7:
			a.Above = [...]float32{0.8, 0.9, 1, 1.1, 1.25, 1.5, 2}[i]
		case i < 13:
			p.N, p.M = [...]int{1, 2, 3, 5, 10, 30}[i-7], [...]int{1, 3, 5, 8, 15, 40}[i-7]
			same = p.N == now.N && p.M == now.M
		default:
			p.Hold = [...]time.Duration{0, 30 * time.Second, 5 * time.Minute, 30 * time.Minute}[i-13]
			same = p.Hold == now.Hold
		}
		if !same {
			out = append(out, a)
		}
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
		return fmt.Errorf("none of %s was scored: the first score takes %d running rows in sequence, with values and each later than the one before", plural(s.Rows, "row", "rows"), fill)
	}
	for i := range s.Policies {
		p := &s.Policies[i]
		p.end(end)
		p.PerMonth = round(float64(p.Alarms)*month.Seconds()/s.RunningS, 4)
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
		text += fmt.Sprintf("a month is %.0f times the running time of this recording\n", float64(month)/float64(running))
	}
	_, err := io.WriteString(w, text)
	return err
}
