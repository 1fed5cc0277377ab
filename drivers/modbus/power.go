package modbus

import (
	"context"
	"fmt"
	"time"

	"iot-edge-anomaly/drivers"
)

// further is the register with the power of ten of a request's values if the request
// itself does not read it; false: there is none. All its values have the same.
func (d *Dev) further(q *request) (Place, bool) {
	r := &d.regs[q.items[0]]
	if r.Power == nil || r.joint && !q.apart {
		return Place{}, false
	}
	at := int(r.Power.Address)
	return *r.Power, r.Power.Table != q.table || at < q.at || at >= q.at+q.n
}

// powerRequest reads one power of ten.
func powerRequest(p Place) *request {
	return &request{table: p.Table, width: 2, at: int(p.Address), n: 1}
}

// fetchApart makes a request whose values have their power of ten elsewhere. It is
// read before the values and after them: where it has changed, nobody knows which
// one belongs to them.
func (d *Dev) fetchApart(ctx context.Context, q *request, place Place, dst []float64) error {
	r := &d.regs[q.items[0]]
	before, err := d.power(ctx, r, place)
	if err != nil {
		return err
	}
	b, doubtful, err := d.answer(ctx, q)
	if err != nil {
		return err
	}
	if doubtful {
		d.errs = append(d.errs, d.doubt(q))
	}
	n, now := copy(d.copied[:], b), time.Now()
	after, err := d.power(ctx, r, place)
	if err != nil {
		return err
	}
	for _, i := range q.items {
		if before != after {
			d.errs = append(d.errs, fmt.Errorf("%v: %w", d.regs[i], &drivers.ValueError{Channel: d.regs[i].Name,
				Text: fmt.Sprintf("without a scale factor: %v changed from %d to %d meanwhile", place, before, after)}))
			continue
		}
		d.store(q, i, d.copied[:n], now, before, dst)
	}
	return nil
}

// power reads one power of ten.
func (d *Dev) power(ctx context.Context, r *Register, place Place) (int, error) {
	q := powerRequest(place)
	if err := d.client.line.late.confusable(d, q, time.Now()); err != nil {
		return 0, fmt.Errorf("%v: %w", place, err)
	}
	b, err := d.sure(ctx, q)
	if err != nil {
		return 0, fmt.Errorf("%v: %w", place, err)
	}
	return int(int16(r.Order.word(b))), nil
}
