package main

import (
	"fmt"
	"strings"
	"time"
)

// linkCut pulls the network cable. Modbus TCP, the USB adapter (which is connected
// through the network here) and the broker are gone. A board with a controller of
// its own still reads its chip, and the events of that time arrive later.
func linkCut(t *trial) error {
	mark := t.mark()
	t.allowAdapterFaults()
	if err := t.qmp.setLink(false); err != nil {
		return err
	}
	cut := time.Now()
	const pumpGone = "msg=fault bus=plc"
	await := func(what, line string) error {
		return t.await(what, heardEvery, func() (bool, string) {
			_, found := t.console.find(line, cut)
			return found, "nothing of it on the console"
		})
	}
	if err := await("the silent pump to be noticed", pumpGone); err != nil {
		return err
	}
	if t.board.header {
		if err := t.setOutside(52); err != nil {
			return err
		}
		if err := await("the limit to be noticed while the link is cut", "kind=limit state=open"); err != nil {
			return err
		}
	}
	told := len(t.broker.heard.messages()) - mark
	took := time.Since(cut)
	if err := t.qmp.setLink(true); err != nil {
		return err
	}
	t.note("link cut for %.0f s, %d messages meanwhile", took.Seconds(), told)
	gone, err := t.awaitEvent(mark, "bus_fault", "plc", "open")
	if err != nil {
		return err
	}
	back, err := t.awaitEvent(mark, "bus_fault", "plc", "close")
	if err != nil {
		return err
	}
	if t.board.header {
		e, err := t.awaitEvent(mark, "limit", "outside.temperature", "open")
		if err != nil {
			return err
		}
		if e.Time.Before(gone.Time) || e.Time.After(back.Time) {
			return fmt.Errorf("the limit is dated %v, want between %v and %v: while the pump was silent", e.Time, gone.Time, back.Time)
		}
		if err := t.setOutside(roomTemp); err != nil {
			return err
		}
		if _, err := t.awaitEvent(mark, "limit", "outside.temperature", "close"); err != nil {
			return err
		}
	}
	if err := t.awaitValue("climate", "cabinet.temperature", 27, 0.02); err != nil {
		return err
	}
	return t.awaitState("pump", "normal")
}

// powerCut switches the power off while an event waits for the broker.
func powerCut(t *trial) error {
	mark := t.mark()
	t.broker.stop()
	before, err := t.metrics()
	if err == nil {
		err = t.setOutside(70)
	}
	if err != nil {
		return err
	}
	const durable = "spool_appended_total" // what waits for its sync is not promised yet
	if err := t.awaitMetric(durable, "an event to be on the disk", func(v float64) bool { return v > before[durable] }); err != nil {
		return err
	}
	t.cpu += cpuTime(t.p)
	t.machine.powerOff()
	if err := t.broker.start(); err != nil {
		return err
	}
	if err := t.switchOn(); err != nil {
		return err
	}
	opened, err := t.awaitEvent(mark, "limit", "outside.temperature", "open")
	if err != nil {
		return err
	}
	closed, err := t.awaitEvent(mark, "limit", "outside.temperature", "close")
	if err != nil {
		return err
	}
	if closed.Event != opened.Event || closed.Boot == opened.Boot {
		return fmt.Errorf("opened before the power cut %+v, closed after it %+v: want one event and two boots", opened, closed)
	}
	if err := t.awaitState("pump", "normal"); err != nil {
		return err
	}
	model, err := t.modelSHA()
	if err == nil && model != t.model {
		err = fmt.Errorf("the pump's model is %s, want the one before the power cut, %s", model, t.model)
	}
	return err
}

// complete checks everything that arrived, after every event is closed.
func complete(t *trial) error {
	err := t.await("every event to be closed", heardEvery, func() (bool, string) {
		open := map[string]string{}
		for _, m := range t.broker.heard.messages() {
			e := m.event
			// The machine climate has no model on purpose, and its alert says so for good.
			if open[e.Event] = e.String(); e.Event == "" || e.State == "close" || e.Kind == "alert" && e.Source == "model" || e.slow() {
				delete(open, e.Event)
			}
		}
		return len(open) == 0, fmt.Sprint(open)
	})
	if err != nil {
		return err
	}
	var last uint64
	var odd []string
	for _, m := range t.broker.heard.messages() {
		e := m.event
		if e.Kind == "" {
			continue
		}
		if e.Seq > last+1 {
			odd = append(odd, fmt.Sprintf("number %d comes after %d", e.Seq, last))
		}
		last = max(last, e.Seq)
		// What several of the faults do at the same time is one alert, whichever they are.
		if common := e.Kind == "alert" && e.Source == "common"; !common && !e.slow() && !t.expected[e.Kind+" "+e.Source] {
			odd = append(odd, "unexpected: "+e.String()+" "+e.Detail)
		}
	}
	again := t.broker.heard.repeated()
	for _, e := range again {
		if !e.Resent {
			odd = append(odd, "a second time without saying so: "+e.String())
		}
	}
	if len(odd) > 0 {
		return fmt.Errorf("of %d messages: %s", last, strings.Join(odd, "; "))
	}
	t.note("%d messages about events, each number there, %d delivered twice", last, len(again))
	return nil
}
