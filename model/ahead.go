package model

import "iot-edge-anomaly/quant"

// Ahead tells the Scorer which rows Push will get next: quant.Windows of them, each
// (C) as Push takes it. A network that computes several windows at once faster does
// so now, and Push uses the results. Every Score has the same bits as without Ahead,
// also if other rows come or Reset is called in between. Another number of rows is
// ignored. Ahead is for recordings; it allocates at its first call only.
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
			s.impute(s.row, s.ageAhead, s.p.Fill)
		}
		n.foresee(k, s.row)
	}
	n.compute()
}
