package spool

import "strconv"

// Count is n of something for people: "1 message is" or "3 messages are".
func Count(n int, one, more string) string {
	if n == 1 {
		more = one
	}
	return strconv.Itoa(n) + " " + more
}
