package model

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// errDriftState marks a state that is no Drift's of this model.
var errDriftState = errors.New("no state of this model's drift")

// driftHead is the bytes of a state before its rows.
const driftHead = 4*6 + 8

// AppendState appends what RestoreState continues from: 4 bytes for each value
// in the window, little-endian.
func (d *Drift) AppendState(b []byte) []byte {
	for _, v := range [...]int{d.c, d.perBlock, d.whole(), d.fresh, d.skip, d.rising} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(d.page))
	for back := d.whole(); back > -d.fresh; back-- { // oldest first, the block under way last
		for j := range d.c {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(d.past(back, j)))
		}
	}
	return b
}

// RestoreState takes over what AppendState wrote of a Drift of the same model.
// With an error the Drift is as new.
func (d *Drift) RestoreState(b []byte) error {
	if len(b) < driftHead {
		return fmt.Errorf("%d bytes: %w", len(b), errDriftState)
	}
	var n [6]int
	for i := range n {
		n[i] = int(int32(binary.LittleEndian.Uint32(b[4*i:])))
	}
	page := math.Float64frombits(binary.LittleEndian.Uint64(b[24:]))
	kept, fresh, skip, rising := n[2], n[3], n[4], n[5]
	size := DriftBlocks * d.perBlock
	switch {
	case n[0] != d.c || n[1] != d.perBlock:
		return fmt.Errorf("%d channels, blocks of %d rows: %w", n[0], n[1], errDriftState)
	case kept < 0 || fresh < 0 || fresh >= d.perBlock || kept+fresh > size || len(b) != driftHead+4*d.c*(kept+fresh):
		return fmt.Errorf("%d and %d rows in %d bytes: %w", kept, fresh, len(b), errDriftState)
	case skip < 0 || skip >= d.stride || rising < 0 || !(page >= 0 && page <= 2*pageLimit):
		return fmt.Errorf("counts %d and %d, sum %v: %w", skip, rising, page, errDriftState)
	}
	for i := range d.c * (kept + fresh) {
		v := math.Float32frombits(binary.LittleEndian.Uint32(b[driftHead+4*i:]))
		if v != v {
			v = float32(math.NaN())
		}
		d.rows[i] = min(max(v, -uMax), uMax)
	}
	// Whole blocks only: a ring that was full has lost a part of its oldest.
	d.kept, d.fresh, d.next = kept, fresh, (kept+fresh)%size
	d.skip, d.rising, d.page = skip, rising, page
	if kept > 0 {
		d.look()
	}
	return nil
}
