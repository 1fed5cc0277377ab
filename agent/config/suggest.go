package config

import "strings"

// didYouMean is a hint that names the option nearest to word, or lists the options
// if none is near.
func didYouMean(word string, options []string) string {
	if best := Nearest(word, options); best != "" {
		return `did you mean "` + best + `"?`
	}
	if len(options) == 0 {
		return ""
	}
	return "use " + listed(options)
}

// listed writes options as oneOf does, but of very many only the first ones.
func listed(options []string) string {
	const few, most = 8, 40
	if len(options) > most {
		return strings.Join(options[:few], ", ") + ", …"
	}
	return oneOf(options)
}

// oneOf writes options as "a, b or c".
func oneOf(options []string) string {
	n := len(options)
	if n < 2 {
		return strings.Join(options, "")
	}
	return strings.Join(options[:n-1], ", ") + " or " + options[n-1]
}

// Nearest returns the option of which word is probably a misspelling, or "". One
// edit in three letters is a misspelling; more, or no letter in common, is another
// word.
func Nearest(word string, options []string) string {
	if len(word) > 64 {
		return ""
	}
	best, bestDistance := "", 1+max(1, len(word)/3)
	if whole := startsWith(strings.ToLower(word), options); whole != "" {
		return whole
	}
	for _, o := range options {
		if d := distance(strings.ToLower(word), strings.ToLower(o)); d < bestDistance && d < len(o) {
			best, bestDistance = o, d
		}
	}
	return best
}

// startsWith returns the one option that begins with word, of at least three letters.
func startsWith(word string, options []string) (found string) {
	for _, o := range options {
		if len(word) < 3 || !strings.HasPrefix(strings.ToLower(o), word) {
			continue
		}
		if found != "" {
			return ""
		}
		found = o
	}
	return found
}

// distance is the optimal string alignment distance of a and b: insertions,
// deletions, substitutions and swaps of neighbours count 1 each.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
