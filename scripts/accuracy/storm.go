package main

import (
	"context"
	"fmt"
	"math"

	"iot-edge-anomaly/model/train"
)

const (
	stormDays = 30 // after learning
	stormMust = 1.5
)

// storm is a healthy machine under weather, learnt for so many days: what one seed
// after the other counted in the 30 days after that.
type storm struct {
	name    string
	days    int
	alarms  []int     // false alarms
	apart   []int     // the same without repeats
	low     []float64 // false alarms that the report states; 0 = unknown
	high    []float64
	flagged []float64 // percentage of rows above 1
}

// weather counts false alarms where the promised rate cannot hold: later weeks have
// weather that the learning rows did not have.
func (b *bench) weather() error {
	fmt.Fprintf(b.w, "%d virtual days of healthy machines under weather: false alarms by seed, after so many days of learning; 1 is promised (with repeats: 0s)\n", stormDays)
	for _, days := range []int{7, 14} {
		for k := range weathered(1) {
			s, simple := storm{days: days}, make([]storm, len(b.simple()))
			for seed := range b.seeds {
				v := weathered(uint64(seed + 1))[k]
				rows := v.rows(0, v.days(days+stormDays), uint64(seed+1))
				if err := s.count(v, rows, uint64(seed+1)); err != nil {
					return fmt.Errorf("%s: %w", v.name, err)
				}
				if seed >= b.seedsBeside() {
					continue
				}
				for i, d := range b.simple() {
					if err := simple[i].baseline(d, v, rows, v.days(days)); err != nil {
						return fmt.Errorf("%s: %s: %w", v.name, d.name, err)
					}
				}
			}
			b.storms = append(b.storms, s)
			fmt.Fprintln(b.w, s.text())
			for i, d := range b.simple() {
				fmt.Fprintf(b.w, "           %-10s  mean %.1f; %.1f %% of rows flagged\n", d.name, average(simple[i].alarms), meanFloat(simple[i].flagged))
			}
		}
	}
	return nil
}

// count learns the first days of rows and counts the alarms in the others.
func (s *storm) count(v virtual, rows []float64, seed uint64) error {
	learn := v.days(s.days) * len(v.schema.Channels)
	m, report, err := train.Train(context.Background(), v.schema, rows[:learn], train.Options{Seed: seed})
	if err != nil {
		return err
	}
	w, err := watch(m, rows[learn:])
	if err != nil {
		return err
	}
	o := policy(v.schema)
	o.DriftAfter, o.Repeats = 0, 0
	each, err := watchBy(m, rows[learn:], o)
	if err != nil {
		return err
	}
	s.name = v.name
	s.alarms, s.apart = append(s.alarms, len(w.opened)), append(s.apart, len(each.opened))
	s.low, s.high = append(s.low, report.Alarms.Low), append(s.high, report.Alarms.High)
	s.flagged = append(s.flagged, above(w.out.score))
	return nil
}

// baseline counts the alarms of another detector after so many learning rows.
func (s *storm) baseline(d detector, v virtual, rows []float64, learn int) error {
	c := len(v.schema.Channels)
	r := recording{file: file{name: v.name, schema: v.schema, rows: rows, train: rows[:learn*c]}}
	for i := range len(rows) / c {
		r.at = append(r.at, float64(i)*v.schema.Period.Seconds())
	}
	w, err := baseline(d)(&r, 1)
	if err != nil {
		return err
	}
	n := 0
	for _, a := range w.alarms {
		if a.from >= r.at[learn] {
			n++
		}
	}
	s.alarms, s.flagged = append(s.alarms, n), append(s.flagged, above(w.score[learn:]))
	return nil
}

// above is the percentage of scores above 1.
func above(score []float64) float64 {
	n, high := 0, 0
	for _, v := range score {
		if math.IsNaN(v) {
			continue
		}
		n++
		if v > 1 {
			high++
		}
	}
	return 100 * float64(high) / float64(max(n, 1))
}

// within is in how many seeds the alarms were as many as the report states: in whole
// alarms, for nobody can see half of one.
func (s *storm) within() (n int) {
	for i, v := range s.alarms {
		if s.high[i] > 0 && float64(v) >= math.Floor(s.low[i]) && float64(v) <= math.Ceil(s.high[i]) {
			n++
		}
	}
	return n
}

// text is the line of a machine.
func (s *storm) text() string {
	by := ""
	for i, n := range s.alarms {
		by += fmt.Sprintf("%5d %-6s", n, fmt.Sprintf("(%d)", s.apart[i]))
	}
	return fmt.Sprintf("  %2d days  %-10s%s  mean %.1f; train states %.2g to %.2g, holds in %d of %d; %.1f %% of rows flagged", s.days, s.name, by,
		average(s.alarms), meanFloat(s.low), meanFloat(s.high), s.within(), len(s.alarms), meanFloat(s.flagged))
}

func average(v []int) float64 {
	sum := 0
	for _, x := range v {
		sum += x
	}
	return float64(sum) / float64(max(len(v), 1))
}

// meanFloat is the mean of numbers, average that of counts.
func meanFloat(v []float64) (sum float64) {
	for _, x := range v {
		sum += x / float64(len(v))
	}
	return sum
}

// verdictsStorm prints the targets of the machines under weather.
func (b *bench) verdictsStorm() {
	for _, s := range b.storms {
		n := float64(len(s.alarms))
		b.verdict("B", fmt.Sprintf("weather, %s, %d days: false in 30 days, stated %%", s.name, s.days), most1(average(s.alarms), stormMust, 1, 1), least1(100*float64(s.within())/n, 100, 100, 0))
	}
}
