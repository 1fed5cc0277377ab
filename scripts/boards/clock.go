package main

import (
	"errors"
	"fmt"
	"time"

	"iot-edge-anomaly/scripts/boards/control"
)

// deadClock is what a clock shows whose battery is empty. The first boot begins with it,
// so that the steps until clockJumps, learning too, have no date.
const deadClock = "2000-01-01T00:00:00"

const year = 365 * 24 * time.Hour

// clockJumps starts an event while the date is impossible and the broker is away. Then
// the clock jumps to and fro, and at last somebody sets it.
func clockJumps(t *trial) error {
	mark := t.mark()
	t.broker.stop()
	err := t.setOutside(70)
	if err == nil {
		err = t.awaitMetric("spool_messages", "an event to wait in the queue", func(v float64) bool { return v >= 1 })
	}
	begin := time.Now()
	seen, err2 := t.metrics()
	err = errors.Join(err, err2)
	for _, jump := range []time.Duration{10 * year, -10 * year, -50 * year, -time.Hour, 0} {
		if err == nil {
			seen, err = t.jump(time.Now().Add(jump), seen)
		}
	}
	now := time.Now()
	if err == nil {
		err = t.broker.start()
	}
	if err != nil {
		return err
	}
	opened, err := t.awaitEvent(mark, "limit", "outside.temperature", "open")
	if err != nil {
		return err
	}
	if opened.Quality != "corrected" || now.Sub(opened.Time) < 0 || now.Sub(opened.Time) > patience || opened.Since.After(opened.Time) || now.Sub(opened.Since) > patience {
		return fmt.Errorf("an event from before the clock was set to %v says %v since %v, quality %s", now.UTC(), opened.Time, opened.Since, opened.Quality)
	}
	if err := t.setOutside(roomTemp); err != nil {
		return err
	}
	closed, err := t.awaitEvent(mark, "limit", "outside.temperature", "close")
	if err == nil && (closed.Time.Before(opened.Time) || closed.Duration <= 0 || closed.Duration > time.Since(begin).Seconds()+patience.Seconds()) {
		err = fmt.Errorf("opened at %v, closed at %v after %g s", opened.Time, closed.Time, closed.Duration)
	}
	return err
}

// jump sets the clock and waits until both machines have taken further rows than in the
// metrics of before. It returns those of now.
func (t *trial) jump(to time.Time, before map[string]float64) (now map[string]float64, err error) {
	if _, err := t.ask(control.Request{Clock: float64(to.UnixMilli()) / 1000}); err != nil {
		return nil, err
	}
	err = t.await(fmt.Sprintf("rows after the clock was set to %v", to.UTC()), askedEvery, func() (bool, string) {
		var err error
		if now, err = t.metrics(); err != nil {
			return false, err.Error()
		}
		more := func(machine string) float64 {
			rows := fmt.Sprintf("samples_processed_total{machine=%q}", machine)
			return now[rows] - before[rows]
		}
		return more("climate") >= 2 && more("pump") >= 2 && now["watchdog_progress"] == 1,
			fmt.Sprintf("climate %+g rows, pump %+g, progress %g", more("climate"), more("pump"), now["watchdog_progress"])
	})
	return now, err
}
