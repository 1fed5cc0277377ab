package model

import "iot-edge-anomaly/quant"

// Ahead tells the Scorer which rows Push will get next, (C) each as Push takes
// them, quant.Windows of them; it does nothing with another number. A network
// that computes several windows faster at once does so now, and Push finds the
// answers. Every Score stays what it is without, bit for bit: where other rows
// come than were told, or a reset between them, their windows are computed as
// ever. It is for recordings; it allocates at its first call and then no more.
func (s *Scorer) Ahead(rows ...[]float64) {
	n, ok := s.net.(*int8Net)
	if !ok || len(rows) != quant.Windows || !n.net.Batches() || s.idle || s.rows < s.p.Window {
		return
	}
	s.lastAhead = append(s.lastAhead[:0], s.last...)
	s.ageAhead = append(s.ageAhead[:0], s.age...)
	for k, row := range rows {
		if len(row) != s.c {
			return
		}
		seen := 0
		for i, x := range row {
			var ok bool
			if s.row[i], ok = s.scale(i, x, &s.lastAhead[i], &s.ageAhead[i]); ok {
				seen++
			}
		}
		if seen > 0 && seen < s.c {
			s.guess(s.row, s.ageAhead, s.p.Fill)
		}
		n.foresee(k, s.row)
	}
	n.compute()
}
