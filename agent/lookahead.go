package main

import (
	"time"

	"iot-edge-anomaly/drivers/replay"
	"iot-edge-anomaly/quant"
)

// lookahead reads a recording as many rows ahead as a network computes at once.
type lookahead struct {
	r    *replay.Reader
	tell func(rows ...[]float64) // the rows that come next; nil = reads none ahead
	rows [quant.Windows]recorded
	next int // of rows, handed out next
	n    int // of rows, read
}

// recorded is what a replay.Reader gives at a time.
type recorded struct {
	text string
	at   time.Time
	row  []float64
	err  error
}

// Next is the reader's. The row is valid until the next call.
func (l *lookahead) Next() (text string, at time.Time, row []float64, err error) {
	if l.tell == nil {
		return l.r.Next()
	}
	if l.next == l.n {
		l.read()
	}
	r := &l.rows[l.next]
	l.next++
	return r.text, r.at, r.row, r.err
}

// read fills rows, up to the recording's end.
func (l *lookahead) read() {
	l.next, l.n = 0, 0
	for l.n < len(l.rows) {
		r := &l.rows[l.n]
		l.n++
		var row []float64
		if r.text, r.at, row, r.err = l.r.Next(); row == nil {
			r.row = nil
			return
		}
		r.row = append(r.row[:0], row...)
	}
	l.tell(l.rows[0].row, l.rows[1].row, l.rows[2].row, l.rows[3].row)
}
