package driverstest

import (
	"time"
	"unsafe"
)

// Stepped is t, which must be from time.Now outside a synctest bubble, as the clock shows
// it after its wall time was stepped by whole seconds: the monotonic reading goes on.
// Package time makes no such Time; only a real step of the clock does. The result must be
// of the years 1885 to 2156.
func Stepped(t time.Time, by time.Duration) time.Time {
	wall := (*uint64)(unsafe.Pointer(&t)) // 1 bit, 33 bits of seconds since 1885, 30 bits of nanoseconds
	*wall = uint64(int64(*wall) + int64(by/time.Second)<<30)
	return t
}
