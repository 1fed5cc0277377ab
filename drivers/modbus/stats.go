package modbus

// Stats are the counters of a line since it was made. A counter is declared in the file
// that counts, or here if it belongs to no single one.
type Stats struct {
	RequestStats
	LinkStats
	Exceptions int64 // exception answers
	Retries    int64 // repeated requests
	Unmatched  int64 // TCP: answers that belong to an earlier request, or may
	Foreign    int64 // serial: frames of another master's requests and answers
}

// count adds one to a counter of l.stats.
func (l *Line) count(n *int64) {
	l.counting.Lock()
	*n++
	l.counting.Unlock()
}

// Stats returns a copy of the counters.
func (l *Line) Stats() Stats {
	l.counting.Lock()
	defer l.counting.Unlock()
	return l.stats
}
