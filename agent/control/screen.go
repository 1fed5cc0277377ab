package control

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"iot-edge-anomaly/agent/chart"
	"iot-edge-anomaly/agent/status"
)

// changesShown is how many changes a screen has.
const changesShown = 10

// Screen is the status on one screen, for people.
func (s *Status) Screen() string {
	var b strings.Builder
	fmt.Fprintf(&b, "iot-edge-anomaly %s on %s, site %s: %s, plant %s, running for %s\n", s.Version, s.Device, s.Site, s.Status, orDash(s.Plant), chart.Span(time.Duration(s.UptimeS*float64(time.Second))))
	if s.Config.File != "" {
		fmt.Fprintf(&b, "%s, sha256 %.12s, in force since %s\n", s.Config.File, s.Config.SHA256, stamp(s.Config.Since))
	}
	if s.Config.Refused != "" {
		fmt.Fprintf(&b, "the newest reload was refused: %s\n", strings.ReplaceAll(s.Config.Refused, "\n", "\n  "))
	}
	b.WriteByte('\n')
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MACHINE\tSTATE\tSCORE\tMODEL\tNOTE")
	for _, name := range slices.Sorted(maps.Keys(s.Machines)) {
		m := s.Machines[name]
		score := "-"
		if m.Score != nil {
			score = fmt.Sprintf("%.2f", *m.Score)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", name, m.State, score, orDash(m.Model), note(m))
	}
	fmt.Fprintln(w, "\nCHECK\tSTATUS\tDETAIL")
	for _, name := range slices.Sorted(maps.Keys(s.Checks)) {
		c := s.Checks[name]
		fmt.Fprintf(w, "%s\t%s\t%s\n", name, c.Status, oneLine(c.Detail))
	}
	w.Flush() // into memory
	figures(&b, &s.Figures)
	if len(s.Changes) > 0 {
		b.WriteString("\nlast changes:\n")
	}
	for _, c := range s.Changes[max(0, len(s.Changes)-changesShown):] {
		fmt.Fprintf(&b, "  %s %s by %s: %s", stamp(c.Time), c.Verb, c.By, c.Outcome)
		if c.Times > 0 {
			fmt.Fprintf(&b, ", %d times", c.Times)
		}
		b.WriteByte('\n')
	}
	return Plain(b.String())
}

// Plain is a text for a terminal without what it would obey: names of files, and what
// devices, brokers and models say of themselves, may hold anything.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

// oneLine is a text as a cell of a table.
func oneLine(s string) string { return strings.ReplaceAll(Plain(s), "\n", "; ") }

// note is why a machine is in its state, and how far it has learnt.
func note(m status.MachineHealth) string {
	if mute := m.Muted; mute != nil {
		m.Muted = nil
		text := fmt.Sprintf("muted until %s by %s", stamp(mute.Until), mute.By)
		if mute.Note != "" {
			text += ": " + mute.Note
		}
		if rest := note(m); rest != "" {
			text += "; " + rest
		}
		return text
	}
	l := m.Learning
	if l == nil {
		return m.Note
	}
	left := chart.Span(time.Duration(l.LeftS * float64(time.Second)))
	progress := fmt.Sprintf("%s, %.0f %%, %s left", l.Phase, 100*l.Progress, left)
	if l.Phase == "waiting" { // the note is its place
		if progress = "waiting, " + m.Note; l.LeftS > 0 {
			progress += ", " + left + " left"
		}
		return progress
	}
	if l.Phase == "collecting" && l.Progress == 0 { // before its first row it does not know how many it has
		progress = "collecting: no row has come yet"
	}
	if m.Note != "" {
		progress += "; " + m.Note
	}
	return progress
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// Text says what a reload did, for people.
func (r *Reloaded) Text() string {
	if len(r.Changed) == 0 {
		return "nothing changed"
	}
	return "reloaded: " + strings.Join(r.Changed, ", ")
}
