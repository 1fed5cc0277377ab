package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"iot-edge-anomaly/agent/pipeline"
	"iot-edge-anomaly/drivers/replay"
)

// rowDoubts lets bad rows pass and tells about them: their bad cells count as
// missing, and the recording goes on.
type rowDoubts struct {
	w    io.Writer
	n    int
	last time.Time // of the row before
	row  []float64 // the row before

	repeated, same, back int    // rows
	first                string // timestamp of the first that runs backwards

	holes  int    // in time, too long for the rows around them to be neighbours
	behind string // timestamp of the row behind the first
}

// doubtsShown is how many bad rows are told one by one.
const doubtsShown = 5

// tolerate reports whether err leaves the row usable.
func (d *rowDoubts) tolerate(err error) bool {
	var re *replay.RowError
	if !errors.As(err, &re) {
		return err == nil
	}
	if d.n++; d.n <= doubtsShown {
		fmt.Fprintf(d.w, "warning: %v: counts as missing\n", re)
	}
	return true
}

// repeats tells whether the row says the same as the one before, at the same
// time: a recorder that wrote it twice. Where other rows have shared a time it does
// not tell them apart, and none repeats another. It counts these, and the rows whose time
// does not go on.
func (d *rowDoubts) repeats(text string, at time.Time, row []float64) bool {
	before := d.last
	if !at.IsZero() {
		d.last = at
	}
	switch known := !at.IsZero() && !before.IsZero(); {
	case known && at.Equal(before) && d.same == 0 && pipeline.SameRow(row, d.row):
		d.repeated++
		return true
	case known && at.Equal(before):
		d.same++
	case known && at.Before(before):
		if d.back++; d.first == "" {
			d.first = text
		}
	}
	d.row = append(d.row[:0], row...)
	return false
}

// hole counts a hole in time before the row of the timestamp.
func (d *rowDoubts) hole(text string) {
	if d.holes++; d.holes == 1 {
		d.behind = text
	}
}

func (d *rowDoubts) summary() {
	if d.n > doubtsShown {
		fmt.Fprintf(d.w, "warning: %s\n", plural(d.n-doubtsShown, "more bad row", "more bad rows"))
	}
	if d.repeated > 0 {
		fmt.Fprintf(d.w, "warning: %s the one before, time and values: it counts once\n", plural(d.repeated, "row repeats", "rows repeat"))
	}
	if d.same > 0 {
		fmt.Fprintf(d.w, "warning: %s the time of the one before with other values: taken as they stand in the recording\n", plural(d.same, "row carries", "rows carry"))
	}
	if d.back > 0 {
		fmt.Fprintf(d.w, "warning: time runs backwards in %s, first at %s: taken as they stand in the recording\n", plural(d.back, "row", "rows"), d.first)
	}
	if d.holes > 0 {
		fmt.Fprintf(d.w, "warning: %s in time, the first before %s: the rows around one are no neighbours\n", plural(d.holes, "hole", "holes"), d.behind)
	}
}
