package model

// sweeps is how often impute passes over the masked channels. Each pass can only
// lower (7); after ten less than a percent is left to gain.
const sweeps = 10

// impute gives the channels of u whose last value is more than fill rows old the
// values that minimise (7): Gauss-Seidel on their block of the precision matrix.
// The networks see these values, because a value that does not fit the other
// channels would change the predictions for those.
func (s *Scorer) impute(u []float32, age []int, fill int) {
	for range sweeps {
		moved := false
		for i, a := range age {
			if a <= fill && s.p.Spread[i] != Unlearnt {
				continue
			}
			if v := u[i] - s.dot(i, u)/s.p.Precision[i*s.c+i]; v != u[i] {
				u[i], moved = v, true
			}
		}
		if !moved {
			return // the next pass would change nothing either
		}
	}
}

// dot returns the product of row i of the precision matrix and u.
func (s *Scorer) dot(i int, u []float32) float32 {
	row := s.p.Precision[i*s.c : (i+1)*s.c]
	var sum float32
	for j, v := range row {
		sum += float32(v * u[j])
	}
	return sum
}

// raiseLimits sets the limit of the term Relation for the newest row. An imputed value
// is not the true one, and its effect on the network stays in this term for FillRows rows.
func (s *Scorer) raiseLimits() {
	s.raised = false
	s.limits[Relation] = s.withMargins(s.p.Limits[Relation], s.p.MissingMargin)
}

// withMargins returns limit raised by the margins of the channels that are, or
// within the last FillRows rows were, missing.
func (s *Scorer) withMargins(limit float32, margins []float32) float32 {
	sum := limit
	for i, v := range margins {
		if s.present[i] < s.p.fillRows() {
			s.raised = true
			sum += float32(v * limit)
		}
	}
	return sum
}
