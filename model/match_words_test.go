package model

import "testing"

// TestListed: of four names the fourth is one other.
func TestListed(t *testing.T) {
	for n, want := range []string{"", "a", "a, b", "a, b, c", "a, b, c and 1 other", "a, b, c and 2 others"} {
		if got := listed([]string{"a", "b", "c", "d", "e"}[:n]); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
