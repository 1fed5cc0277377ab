package main

import (
	"fmt"
	"math"
)

var header = fmt.Sprintf("  %-12s %13s %6s %6s %13s %6s  %7s %6s %6s %7s  %5s %5s  %6s",
	"detector", "F1", "FAR %", "MAR %", "AUC-PR", "VUS-PR", "events", "false", "recall", "delay", "top-1", "top-2", "learn")

// line prints the means over seeds; ± is the standard deviation.
func line(name string, rs []result) string {
	of := func(f func(result) float64) float64 { return mean(rs, f) }
	names := fmt.Sprintf("%5s %5s", "-", "-")
	if rs[0].named {
		names = fmt.Sprintf("%5.1f %5.1f", of(top1), of(top2))
	}
	vus := "-"
	if v := of(vusPR); v > 0 {
		vus = fmt.Sprintf("%.3f", v)
	}
	late := "-" // if a seed found no event
	if v := of(delay); !math.IsNaN(v) {
		late = fmt.Sprintf("%.0fs", v)
	}
	return fmt.Sprintf("  %-12s %.3f ± %.3f %6.1f %6.1f %.3f ± %.3f %6s %5.1f/%-2d %6.1f %6.2f %7s  %s %6.2fs", name, of(f1), sd(rs, f1), of(far), of(mar),
		of(aucPR), sd(rs, aucPR), vus, of(found), rs[0].Events, of(falseAlarms), of(recall), late, names, of(slowest))
}

func f1(r result) float64          { return r.F1 }
func far(r result) float64         { return r.FAR }
func mar(r result) float64         { return r.MAR }
func aucPR(r result) float64       { return r.AUCPR }
func vusPR(r result) float64       { return r.VUSPR }
func found(r result) float64       { return float64(r.Found) }
func falseAlarms(r result) float64 { return float64(r.False) }
func recall(r result) float64      { return r.Recall }
func delay(r result) float64       { return r.Delay }
func top1(r result) float64        { return float64(r.Top1) }
func top2(r result) float64        { return float64(r.Top2) }
func slowest(r result) float64     { return r.Slowest }
func nab(r result) float64         { return r.NAB }
func nabLow(r result) float64      { return r.NABLowFP }

// goal is one number of a target: the required and the desired value, as a minimum or
// a maximum.
type goal struct {
	got           float64
	must, stretch float64
	most          bool // the values are maxima
	digits        int
}

func least1(got, must, stretch float64, digits int) goal {
	return goal{got, must, stretch, false, digits}
}
func most1(got, must, stretch float64, digits int) goal {
	return goal{got, must, stretch, true, digits}
}

// within compares the rounded values, as printed.
func (g goal) within(limit float64) bool {
	unit := math.Pow(10, float64(g.digits))
	got := math.Round(g.got*unit) / unit
	if g.most {
		return got <= limit
	}
	return got >= limit
}

func (g goal) text(v float64) string { return fmt.Sprintf("%.*f", g.digits, v) }

// verdict prints one target and returns whether the required value was reached.
func (b *bench) verdict(id, what string, goals ...goal) bool {
	got, must, stretch := "", "", ""
	met, better := true, true
	for i, g := range goals {
		sep := " / "
		if i == 0 {
			sep = ""
		}
		got, must, stretch = got+sep+g.text(g.got), must+sep+g.text(g.must), stretch+sep+g.text(g.stretch)
		met, better = met && g.within(g.must), better && g.within(g.stretch)
	}
	word := "MISSED"
	switch {
	case met && better:
		word = "stretch"
	case met:
		word = "must"
	}
	fmt.Fprintf(b.w, "  %-4s %-52s %-22s %-22s %-22s %s\n", id, what, got, must, stretch, word)
	return met
}

// verdicts prints the targets that the measured sets can answer, and returns whether
// all required ones are met.
func (b *bench) verdicts() bool {
	b.promised()
	fmt.Fprintf(b.w, "targets, means over %d seeds\n  %-4s %-52s %-22s %-22s %-22s %s\n", b.seeds, "", "", "got", "must", "stretch", "verdict")
	ok := true
	is := func(met bool) { ok = ok && met }
	if m := b.results["skab"]; m != nil {
		s, r, x := m[shipped], m[shipped+", rearm"], m[asFloat]
		is(b.verdict("A1", "skab: F1, FAR, MAR", least1(mean(s, f1), .81, .84, 3), most1(mean(s, far), 24, 18, 1), most1(mean(s, mar), 20, 16, 1)))
		is(b.verdict("A2", "skab, rearm: F1, FAR, MAR (Conv-AE .78, 13.55, 28.02)", least1(mean(r, f1), .781, .86, 3), most1(mean(r, far), 13.5, 8, 1), most1(mean(r, mar), 28, 20, 1)))
		is(b.verdict("A3", "skab: VUS-PR, events, delay s", least1(mean(s, vusPR), .91, .95, 3), least1(mean(s, found), 15, 17, 1), most1(mean(s, delay), 45, 25, 0)))
		is(b.verdict("A4", "skab: NAB standard, low FP", least1(mean(s, nab), 26.5, 32.5, 1), least1(mean(s, nabLow), 22, 27, 1)))
		is(b.verdict("A9", "int8 - float32: skab F1", most1(gap(s, x, f1), .01, .003, 3)))
		is(b.verdict("A10", "skab: sd of F1 over seeds", most1(sd(s, f1), .01, .003, 3)))
		if s[0].named {
			is(b.verdict("A11", "skab: cause first, among two of 17", least1(mean(s, top1), 13, 16, 1), least1(mean(s, top2), 15, 17, 1)))
		}
	}
	if m := b.results["tep"]; m != nil {
		s := m[shipped]
		is(b.verdict("A5", "tep: events, false alarms, F1", least1(mean(s, found), 10, 10, 1), most1(mean(s, falseAlarms), 1, 0, 1), least1(mean(s, f1), .85, .94, 3)))
		is(b.verdict("A9", "int8 - float32: tep F1", most1(gap(s, m[asFloat], f1), .01, .003, 3)))
	}
	if m := b.results["hydraulic"]; m != nil {
		s := m[shipped]
		is(b.verdict("A6", "hydraulic: AUC-PR, events of 8", least1(mean(s, aucPR), .91, .96, 3), least1(mean(s, found), 6, 8, 1)))
		is(b.verdict("A9", "int8 - float32: hydraulic AUC-PR", most1(gap(s, m[asFloat], aucPR), .01, .003, 3)))
	}
	if m := b.results["gecco"]; m != nil {
		s := m[shipped]
		is(b.verdict("A7", "gecco: AUC-PR, recall at 0.2 false a day", least1(mean(s, aucPR), .60, .70, 3), least1(mean(s, recall), .70, .90, 2)))
	}
	if m := b.results["nab"]; m != nil {
		is(b.verdict("A8", "nab: AUC-PR", least1(mean(m[shipped], aucPR), .57, .66, 3)))
	}
	b.verdictsField()
	b.verdictsStorm() // not all are reached yet: they fail nothing
	ok = b.verdictsAll() && ok
	return ok
}

// verdictsAll prints the targets that concern more than one set.
func (b *bench) verdictsAll() bool {
	ok := true
	is := func(met bool) { ok = ok && met }
	slow, behind := 0.0, math.Inf(1)
	for _, m := range b.results {
		for _, r := range m[shipped] {
			slow = max(slow, r.Slowest)
		}
		if len(m[pcaName]) > 0 {
			behind = min(behind, mean(m[shipped], aucPR)-mean(m[pcaName], aucPR))
		}
	}
	if len(b.results) > 0 {
		is(b.verdict("A12", "slowest learning, s", most1(slow, 60, 5, 1)))
	}
	if !math.IsInf(behind, 1) {
		is(b.verdict("A13", "AUC-PR ahead of PCA T2+Q, least of the sets", least1(behind, -.03, 0, 3)))
	}
	for i, name := range b.names {
		is(b.verdict("A14", name+": false alarms in 30 days", most1(b.alarms[i], 1, 0, 1)))
	}
	for i, name := range b.plants {
		found, right := b.byPlant[i].share("")
		is(b.verdict("A15", name+": injected faults found, cause right, %", least1(100*found, 90, 98, 0), least1(100*right, 85, 95, 0)))
	}
	for _, c := range b.blind {
		is(b.verdict("5", c.set+": AUC-PR that a missing channel costs at most", most1(c.worst, .05, .05, 3)))
		is(b.verdict("5", c.set+": events that list it as missing, %", least1(100*float64(c.named)/float64(max(c.events, 1)), 100, 100, 0)))
	}
	for _, l := range b.lame {
		is(b.verdict("5", l.name+": false alarms with a channel missing", most1(l.alarms, 1, 0, 1)))
		is(b.verdict("5", l.name+": offsets found then, % of those found with all", least1(100*l.less.part()/l.full.part(), 90, 100, 0)))
	}
	if len(b.kept) > 0 {
		three, half := 0, 0
		for _, r := range b.kept {
			if r.kept(3) {
				three++
			}
			if r.kept(1.5) {
				half++
			}
		}
		n := float64(len(b.kept))
		is(b.verdict("A16", fmt.Sprintf("false alarms within a factor of 3 of the wanted, of %g", n), least1(float64(three), n, n, 0)))
		b.verdict("A16", fmt.Sprintf("within a factor of 1.5, of %g", n), least1(float64(half), 0, n, 0))
	}
	return ok
}

// gap returns the mean distance of two detectors' figures, seed by seed.
func gap(a, b []result, of func(result) float64) float64 {
	sum := 0.0
	for i := range a {
		sum += math.Abs(of(a[i]) - of(b[i]))
	}
	return sum / float64(len(a))
}

func mean(all []result, of func(result) float64) float64 {
	sum := 0.0
	for _, r := range all {
		sum += of(r)
	}
	return sum / float64(len(all))
}

func sd(all []result, of func(result) float64) float64 {
	m, sum := mean(all, of), 0.0
	for _, r := range all {
		sum += (of(r) - m) * (of(r) - m)
	}
	return math.Sqrt(sum / float64(len(all)))
}
