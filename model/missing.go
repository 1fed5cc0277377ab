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

// raise sets the limit of term r for the newest row. The guess is not the value,
// and what the network makes of it stays in the term for FillRows rows.
func (s *Scorer) raise() {
	s.raised = false
	limit := s.p.Limits[0]
	for i, v := range s.p.Rise {
		if s.present[i] < s.p.fillRows() {
			s.raised = true
			limit += float32(v * s.p.Limits[0])
		}
	}
	s.limit = limit
}
