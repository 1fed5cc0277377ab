package gateway

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/status"
)

// openEvents is the answer to the verb events.
func (g *Gateway) openEvents() control.Events {
	out := control.Events{Events: []status.OpenEvent{}}
	for _, a := range g.reporter.Active() {
		out.Events = append(out.Events, openEvent(a))
	}
	return out
}

// askAck takes the word of somebody that he has seen an event.
func (g *Gateway) askAck(_ context.Context, r control.Request) (any, error) {
	var asked control.Ack
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	if err := badNote(asked.Note); err != nil {
		return nil, err
	}
	return asked, g.acknowledge(asked.Event, r.By.Who(), asked.Note)
}

// badNote refuses a note that steers the terminals that show it, or fills messages.
func badNote(note string) error { return badText("the note", note) }

// badText is badNote for any text that a client sends, and that alerts, logs and screens
// show.
func badText(what, text string) error {
	const most = 1000
	if len(text) > most {
		return fmt.Errorf("%s has %d bytes: want at most %d", what, len(text), most)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("%s has a control character: write one line of text", what)
	}
	return nil
}

func (g *Gateway) acknowledge(id, by, note string) error {
	err := g.reporter.Acknowledge(id, by, note)
	if err == nil {
		g.log.Info("event acknowledged", "event", id, "by", by, "note", note)
	}
	return err
}
