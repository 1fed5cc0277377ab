package control

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"iot-edge-anomaly/agent/status"
)

// Events is the answer to the verb events.
type Events struct {
	Events []status.OpenEvent `json:"events"` // oldest first
}

// Ack is the content of the request ack, and the answer to it.
type Ack struct {
	Event string `json:"event"` // its id
	Note  string `json:"note,omitempty"`
}

// Screen lists the events, for people.
func (e *Events) Screen() string {
	if len(e.Events) == 0 {
		return "no event is open\n"
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "EVENT\tMACHINE\tKIND\tSEVERITY\tSINCE\tCAUSE\tACKNOWLEDGED")
	for i := range e.Events {
		ev := &e.Events[i]
		cause, since := ev.Detail, "unknown"
		if len(ev.Causes) > 0 {
			cause = ev.Causes[0].Channel
		}
		if !ev.Since.IsZero() {
			since = stamp(ev.Since)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", ev.ID, orDash(ev.Machine), ev.Kind, ev.Severity, since, orDash(oneLine(cause)), acked(ev))
	}
	w.Flush() // into memory
	return Plain(b.String())
}

// acked says who has acknowledged an event.
func acked(ev *status.OpenEvent) string {
	a := ev.Ack
	if a == nil {
		return "-"
	}
	text := a.By
	if !a.Time.IsZero() {
		text += " " + stamp(a.Time)
	}
	if a.Note != "" {
		text += ": " + a.Note
	}
	return text
}

// Mute is the content of the request mute.
type Mute struct {
	Machine string  `json:"machine"`
	ForS    float64 `json:"for_s,omitempty"` // for how long, at most a day; 0 = no more
	Note    string  `json:"note,omitempty"`
}

// Muted is the answer to the verb mute.
type Muted struct {
	Machine string    `json:"machine"`
	Until   time.Time `json:"until,omitzero"` // zero = it is not muted
}
