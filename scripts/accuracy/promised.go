package main

import "fmt"

// promised prints, for each recording of which the false alarms were counted, how many
// the model promised in that time, and how many there were: means over seeds.
func (b *bench) promised() {
	if len(b.wanted)+len(b.storms)+len(b.kept)+len(b.unseen) == 0 {
		return
	}
	fmt.Fprintf(b.w, "false alarms, promised and seen: means over seeds; months of 30 days without what is labelled\n  %-28s  %6s  %8s  %-15s  %5s  %s\n",
		"recording", "months", "promised", "stated by train", "seen", "by seed")
	var months, want, saw float64
	line := func(name string, n, low, high float64, seen []int) {
		stated := "unknown"
		if high > 0 {
			stated = fmt.Sprintf("%.2g to %.2g", low*n, high*n)
			months, want, saw = months+n, want+n, saw+average(seen)
		}
		by := ""
		for _, v := range seen {
			by += fmt.Sprintf(" %d", v)
		}
		fmt.Fprintf(b.w, "  %-28s  %6.2f  %8.2f  %-15s  %5.1f %s\n", name, n, n, stated, average(seen), by)
	}
	for _, name := range append(b.unseen[:len(b.unseen):len(b.unseen)], b.wanted...) {
		all := b.outcomes[name][shipped]
		var seen []int
		for _, o := range all {
			seen = append(seen, o.wrong)
		}
		line(name, all[0].months, meanOf(all, func(o outcome) float64 { return o.low }), meanOf(all, func(o outcome) float64 { return o.high }), seen)
	}
	for _, s := range b.storms {
		line(fmt.Sprintf("%s, %d days learnt", s.name, s.days), stormDays/30, meanFloat(s.low), meanFloat(s.high), s.alarms)
	}
	for _, r := range b.kept {
		if r.wanted == 1 {
			fmt.Fprintf(b.w, "  %-28s  %6.2f  %8.2f  %-15s  %5.1f\n", r.name+", tuned on", r.expected, r.expected, "see above", r.seen)
		}
	}
	fmt.Fprintf(b.w, "  %-28s  %6.2f  %8.2f  %-15s  %5.1f\n", "all whose rate is stated", months, want, "", saw)
}
