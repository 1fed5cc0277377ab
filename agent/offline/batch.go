package offline

import (
	"time"

	"iot-edge-anomaly/drivers/replay"
	"iot-edge-anomaly/quant"
)

// batchReader reads a recording in batches of as many rows as a network computes at
// once, and announces each batch before it hands out the first row.
type batchReader struct {
	r    *replay.Reader
	tell func(rows ...[]float64) // takes the rows that come next; nil = no batches
	rows [quant.Windows]recorded
	next int // index in rows of the row that is handed out next
	n    int // rows in the batch
}

// recorded is what a replay.Reader returns for a row.
type recorded struct {
	text string
	at   time.Time
	row  []float64
	err  error
}

// Next is replay.Reader.Next. The row is valid until the next call.
func (b *batchReader) Next() (text string, at time.Time, row []float64, err error) {
	if b.tell == nil {
		return b.r.Next()
	}
	if b.next == b.n {
		b.read()
	}
	r := &b.rows[b.next]
	b.next++
	return r.text, r.at, r.row, r.err
}

// read reads the next batch. The recording's end, or an error that yields no row,
// cuts it short and announces nothing.
func (b *batchReader) read() {
	b.next, b.n = 0, 0
	for b.n < len(b.rows) {
		r := &b.rows[b.n]
		b.n++
		var row []float64
		if r.text, r.at, row, r.err = b.r.Next(); row == nil {
			r.row = nil
			return
		}
		r.row = append(r.row[:0], row...)
	}
	b.tell(b.rows[0].row, b.rows[1].row, b.rows[2].row, b.rows[3].row)
}
