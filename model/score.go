package model

// Score is the verdict of a Scorer on one row. The slices belong to the Scorer and
// are valid until its next Push.
type Score struct {
	Value    float32   // 1.0 = the learnt threshold
	Shares   []float32 // (C) each channel's part of the score, sums to 1
	Values   []float64 // (C) the row itself, physical units, NaN = missing
	Expected []float64 // (C) what the model expected, physical units, NaN = no expectation

	Flickers bool // where the term Sensor is the largest: the value flickers; false: it hangs

	Terms [Terms]float32 // each divided by its limit; the largest is Value
}
