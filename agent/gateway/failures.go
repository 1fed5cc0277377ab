package gateway

import (
	"log/slog"
	"slices"
	"time"
)

const (
	failureAgain = time.Hour // until the same failure is logged again
	failuresMost = 8         // different failures that are remembered
)

// failures are those that were logged of late, of work that is tried again twice a
// second: a disk that is full stays so. The zero value has seen none.
type failures []failure

type failure struct {
	text string
	at   time.Time
}

// log logs what failed, unless the same was logged within an hour.
func (f *failures) log(log *slog.Logger, what string, err error, now time.Time) {
	text := what + ": " + err.Error()
	*f = slices.DeleteFunc(*f, func(o failure) bool { return now.Sub(o.at) >= failureAgain || now.Before(o.at) })
	if slices.ContainsFunc(*f, func(o failure) bool { return o.text == text }) {
		return
	}
	if len(*f) >= failuresMost {
		*f = slices.Delete(*f, 0, len(*f)-failuresMost+1)
	}
	*f = append(*f, failure{text, now})
	log.Error(what, "error", err)
}
