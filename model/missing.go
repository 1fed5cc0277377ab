package model

// sweeps is how often guess passes over the masked channels. Each pass can
// only lower the distance; ten leave less than a percent.
const sweeps = 10

// guess gives the channels of u whose last value is older than most rows the
// values that make (7) smallest (Gauss-Seidel on their block of the precision).
// The network sees them instead of masked ones: a value that does not go with the
// others would change what it makes of those.
func (s *Scorer) guess(u []float32, age []int, most int) {
	for range sweeps {
		moved := false
		for i, a := range age {
			if a <= most && s.p.Spread[i] != Unlearnt {
				continue
			}
			if v := u[i] - s.dot(i, u)/s.p.Precision[i*s.c+i]; v != u[i] {
				u[i], moved = v, true
			}
		}
		if !moved {
			return // nor would the next
		}
	}
}

// dot returns row i of the precision times e.
func (s *Scorer) dot(i int, e []float32) float32 {
	row := s.p.Precision[i*s.c : (i+1)*s.c]
	var sum float32
	for j, v := range row {
		sum += float32(v * e[j])
	}
	return sum
}

// raise sets the limits of terms r and p for the newest row. The guess is not the
// value, and what the networks make of it stays in the terms for FillRows rows.
func (s *Scorer) raise() {
	s.raised = false
	s.limit = s.risen(s.p.Limits[0], s.p.MissingMargin)
	if s.peers != nil {
		s.limitP = s.risen(s.p.Limits[Cross], s.p.Cross.MissingMargin)
	}
}

// risen returns limit plus the parts of itself by which the missing channels
// raise it.
func (s *Scorer) risen(limit float32, rise []float32) float32 {
	sum := limit
	for i, v := range rise {
		if s.present[i] < s.p.fillRows() {
			s.raised = true
			sum += float32(v * limit)
		}
	}
	return sum
}
