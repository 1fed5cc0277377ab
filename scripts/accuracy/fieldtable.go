package main

import (
	"cmp"
	"fmt"
	"math"
	"strings"
)

// fields are the outcomes of the recordings from the field.
type fields struct {
	outcomes map[string]map[string][]outcome // by recording and detector, one for each seed
	wanted   []string                        // the protocols in their order
	regimes  string                          // what train says of other regimes in the rows of the newest protocol
	unseen   []string                        // the machines that no setting was chosen on
}

// field measures a protocol with every detector and prints a line each.
func (b *bench) field(p *protocol) error {
	r, err := p.recording(b.data)
	if err != nil {
		return err
	}
	b.wanted = append(b.wanted, p.name)
	fmt.Fprintf(b.w, "%s: %d rows of %d channels, %d learnt (%s)%s\n%s\n", p.name, len(r.times), len(r.schema.Channels), p.learn,
		days(float64(p.learn)*r.schema.Period.Hours()/24), b.again(), fieldHeader)
	if err := b.fieldLine(&r, p, shipped, b.seeds, b.shippedOn); err != nil {
		return err
	}
	for _, d := range b.simple() {
		if err := b.fieldLine(&r, p, d.name, 1, baseline(d)); err != nil {
			return err
		}
	}
	if n := r.doubtful(p.learn); n > 0 {
		fmt.Fprintf(b.w, "  %d of the rows that are learnt are labelled; train, first seed: %s\n", n, cmp.Or(b.regimes, "no word of another regime"))
	}
	return nil
}

// regimes are the warnings of learning that speak of another regime in the rows.
func regimes(warnings []string) string {
	var out []string
	for _, text := range warnings {
		if strings.Contains(text, "regime") {
			out = append(out, text)
		}
	}
	return strings.Join(out, "; ")
}

func (b *bench) again() string {
	if b.script == "" {
		return ""
	}
	return ", first seeds counted twice"
}

func days(v float64) string { return fmt.Sprintf("%.3g days", v) }

// doubtful is how many of the first n rows are labelled.
func (r *recording) doubtful(n int) (sum int) {
	for _, anomalous := range r.truth.anomalous[:n] {
		if anomalous {
			sum++
		}
	}
	return sum
}

// simple are the baselines, unless they are not wanted.
func (b *bench) simple() []detector {
	if b.alone {
		return nil
	}
	return baselines
}

// keep stores the outcomes of a detector.
func (b *bench) keep(recording, detector string, all []outcome) {
	if b.outcomes == nil {
		b.outcomes = map[string]map[string][]outcome{}
	}
	if b.outcomes[recording] == nil {
		b.outcomes[recording] = map[string][]outcome{}
	}
	b.outcomes[recording][detector] = all
}

// fieldLine runs a detector with so many seeds.
func (b *bench) fieldLine(r *recording, p *protocol, name string, seeds int, run func(*recording, uint64) (watching, error)) error {
	var all []outcome
	for seed := range seeds {
		w, err := run(r, uint64(seed+1))
		if err != nil {
			return err
		}
		o := r.count(w, p)
		if seed == 0 && w.report != nil {
			b.regimes = regimes(w.report.Warnings)
		}
		if seed == 0 && b.script != "" {
			if err := b.recount(r, w, p, o, w.report != nil); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		all = append(all, o)
	}
	b.keep(p.name, name, all)
	fmt.Fprintln(b.w, fieldText(name, all, len(r.faults)))
	return nil
}

var fieldHeader = fmt.Sprintf("  %-12s %13s  %9s  %9s  %6s  %6s  %7s  %7s  %9s  %8s  %6s  %s",
	"detector", "AUC-PR", "new", "found", "false", "months", "a month", "rows %", "open %", "delay h", "right", "false by seed, promised a month")

// fieldText is the line of a detector: means over seeds, ± is the standard deviation.
func fieldText(name string, all []outcome, faults int) string {
	of := func(f func(outcome) float64) float64 { return meanOf(all, f) }
	first := all[0]
	auc, fresh, found, right := "-", "-", "-", "-"
	if first.events > 0 {
		m := of(func(o outcome) float64 { return o.auc })
		auc = fmt.Sprintf("%.3f ± %.3f", m, math.Sqrt(of(func(o outcome) float64 { return (o.auc - m) * (o.auc - m) })))
		fresh = fmt.Sprintf("%.1f/%d", of(fieldFresh), first.events)
		found = fmt.Sprintf("%.1f/%d", of(func(o outcome) float64 { return float64(o.found) }), first.events)
	}
	if faults > 0 {
		right = fmt.Sprintf("%.1f", of(fieldRight))
	}
	late := "-"
	if v := of(fieldLate); !math.IsNaN(v) {
		late = fmt.Sprintf("%.1f", v)
	}
	by := ""
	for _, o := range all {
		by += fmt.Sprintf(" %d", o.wrong)
	}
	if first.high > 0 {
		by += fmt.Sprintf(", %.2g to %.2g", of(func(o outcome) float64 { return o.low }), of(func(o outcome) float64 { return o.high }))
	}
	return fmt.Sprintf("  %-12s %13s  %9s  %9s  %6.1f  %6.1f  %7.2f  %7.1f  %9.1f  %8s  %6s %s", name, auc, fresh, found, of(fieldWrong), first.months,
		of(outcome.perMonth), of(fieldFlagged), of(func(o outcome) float64 { return o.open }), late, right, by)
}

func meanOf(all []outcome, f func(outcome) float64) (sum float64) {
	for _, o := range all {
		sum += f(o) / float64(len(all))
	}
	return sum
}

func fieldFresh(o outcome) float64   { return float64(o.fresh) }
func fieldWrong(o outcome) float64   { return float64(o.wrong) }
func fieldRight(o outcome) float64   { return float64(o.right) }
func fieldLate(o outcome) float64    { return o.late }
func fieldAUC(o outcome) float64     { return o.auc }
func fieldFlagged(o outcome) float64 { return o.flagged }

// verdictsField prints the targets of the recordings from the field.
func (b *bench) verdictsField() {
	for _, name := range b.wanted {
		p, all := protocolOf(name), b.outcomes[name][shipped]
		what := ""
		var goals []goal
		add := func(text string, got func(outcome) float64, must, stretch float64, most bool, digits int) {
			if math.IsNaN(must) {
				return
			}
			what += ", " + text
			goals = append(goals, goal{meanOf(all, got), must, stretch, most, digits})
		}
		m, s := p.must, p.stretch
		add("AUC-PR", fieldAUC, m.auc, s.auc, false, 3)
		add(fmt.Sprintf("new of %d", all[0].events), fieldFresh, m.fresh, s.fresh, false, 1)
		add("false", fieldWrong, m.wrong, s.wrong, true, 1)
		add("a month", outcome.perMonth, m.perMonth, s.perMonth, true, 2)
		add("rows %", fieldFlagged, m.flagged, s.flagged, true, 1)
		add("cause", fieldRight, m.right, s.right, false, 1)
		add("delay h", fieldLate, m.late, s.late, true, 1)
		b.verdict("B", name+": "+what[2:], goals...)
	}
	b.verdictsMany()
}
