package train

const (
	stillTimes = 4  // as long as the longest time seen
	stillRows  = 30 // and so many rows more
	stillPart  = 10 // 1/10 of the rows unchanged: the channel rests by nature
)

// still returns for how many rows each channel may show the same value before
// its sensor counts as hanging; 0 = for ever, where it rested long while it was
// learnt.
func (t *table) still() []float32 {
	out := make([]float32, t.c)
	for j := range out {
		longest := t.unchanged(j)
		if stillPart*longest < t.count(j) {
			out[j] = float32(stillTimes*longest + stillRows)
		}
	}
	return out
}

// unchanged returns the largest number of running rows for which channel j
// showed the value of the row before. A missing value neither counts nor ends
// it; standing still does.
func (t *table) unchanged(j int) int {
	longest, same, known, last := 0, 0, false, 0.0
	for i := range t.n {
		x := t.rows[i*t.c+j]
		switch {
		case !t.run[i]:
			same, known = 0, false
		case !finite(x):
		case known && x == last:
			same++
			longest = max(longest, same)
		default:
			same, known, last = 0, true, x
		}
	}
	return longest
}
