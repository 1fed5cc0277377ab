package gateway

import (
	"encoding/json"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"iot-edge-anomaly/agent/command"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/agent/status"
)

// Topics of the gateway.
const (
	challengeTopic = "cmd/challenge" // retained
	answerTopic    = "cmd/answer"
)

// commandKey is the key of the alerts that tell of commands.
const commandKey = "command"

// What becomes of a command.
const (
	commandAccepted = iota
	commandRefused
	commandIgnored // it was retained
)

// commandCounts counts commands by verb and by what became of them.
type commandCounts [2][3]atomic.Uint64

func (c *commandCounts) add(v command.Verb, result int) {
	for i, verb := range command.Verbs() {
		if verb == v {
			c[i][result].Add(1)
		}
	}
}

// commands are the counts, for the metrics.
func (c *commandCounts) commands() (out []status.Commands) {
	for i, v := range command.Verbs() {
		out = append(out, status.Commands{Verb: string(v), Accepted: c[i][commandAccepted].Load(), Refused: c[i][commandRefused].Load(), Ignored: c[i][commandIgnored].Load()})
	}
	return out
}

// answer is what is published of a command.
type answer struct {
	Verb      command.Verb `json:"verb"`
	Challenge string       `json:"challenge,omitempty"` // that the command had
	ID        string       `json:"id,omitempty"`
	Machine   string       `json:"machine,omitempty"`
	Who       string       `json:"who,omitempty"`
	Result    string       `json:"result"` // accepted or refused
	Reason    string       `json:"reason,omitempty"`
}

// take does what a command asks, if it counts, and tells of it: to whoever asked, as an
// event, in the log, and in the audit of changes if it was sent by somebody who knew the
// challenge. Refused ones are told once an hour at the most.
func (d *desk) take(a asked, now time.Time) {
	r, answered, err := d.gate.Take(a.verb, a.payload, now)
	passed := err == nil
	by := r.Who + " (mqtt)"
	if passed {
		err = d.obey(a.verb, &r, by)
	}
	out := answer{Verb: a.verb, Challenge: r.Challenge, ID: r.ID, Machine: r.Machine, Who: r.Who, Result: "accepted"}
	result := commandAccepted
	if err != nil {
		result, out.Result, out.Reason = commandRefused, "refused", err.Error()
	}
	d.count.add(a.verb, result)
	if passed {
		d.g.audited(control.NewChange(string(a.verb), control.Peer{Name: by}, string(a.payload), err))
	}
	if b, err := json.Marshal(out); err == nil && answered {
		d.broker.Offer(d.broker.at.GatewayTopic(answerTopic), b, false)
	}
	if err != nil {
		d.refused.last, d.refused.count = out, d.refused.count+1
		d.tellRefused(now)
		return
	}
	d.tell(&out, "", now)
}

// refusedEvery is how often refused commands are told at the most: anybody who may
// publish could have the gateway write without end.
const refusedEvery = time.Hour

// refusals are the refused commands that are still to be told.
type refusals struct {
	count int
	last  answer
	told  time.Time // when some were told; zero = never
}

// tellRefused tells of the newest refused command, and how many others there were, if
// that is due.
func (d *desk) tellRefused(now time.Time) {
	r := &d.refused
	if age := now.Sub(r.told); r.count == 0 || !r.told.IsZero() && age >= 0 && age < refusedEvery {
		return
	}
	more := ""
	if r.count > 1 {
		more = "; " + spool.Count(r.count-1, "other was", "others were") + " refused since the alert before"
	}
	r.told, r.count = now, 0
	d.tell(&r.last, more, now)
}

// obey does what a command asks.
func (d *desk) obey(v command.Verb, r *command.Request, by string) error {
	if v == command.Ack {
		return d.g.acknowledge(r.ID, by, r.Note)
	}
	return d.g.mute(r.Machine, r.Span, command.MuteMost, by, r.Note)
}

// tell tells of a command, and what more there is to say, in the log and as an event that
// is over at once.
func (d *desk) tell(a *answer, more string, now time.Time) {
	d.g.log.Warn("command over MQTT", "verb", a.Verb, "event", a.ID, "machine", a.Machine, "who", a.Who, "result", a.Result, "reason", a.Reason+more)
	text := fmt.Sprintf("command %s %s%s", a.Verb, a.ID, a.Machine)
	if a.Who != "" {
		text += " from " + a.Who
	}
	text += " over MQTT: " + a.Result
	if a.Reason != "" {
		text += ": " + a.Reason
	}
	text += more
	ev := detect.Event{Kind: detect.Alert, Key: commandKey, Severity: detect.Warning, Time: now, Since: now, Score: math.NaN(), Peak: math.NaN(), Reason: text}
	if err := d.g.reporter.Incident(ev); err != nil {
		d.g.log.Error("report alert", "error", err)
	}
}
