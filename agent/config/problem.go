package config

import (
	"cmp"
	"fmt"
	"sort"
	"strings"
)

// Severity says whether a problem keeps the configuration from being used.
type Severity int

// An error refuses the configuration. A warning does not. What is impaired runs, but
// one machine would not judge as configured.
const (
	SeverityError Severity = iota
	SeverityWarning
	SeverityImpaired
)

// String returns "error", "warning" or "impaired".
func (s Severity) String() string { return [...]string{"error", "warning", "impaired"}[s] }

// MarshalText gives the name in JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Problem is one fault of a configuration file. Line and Column count from 1;
// Path leads to the value ("sensors[2].registers[0].type") and is empty where
// the fault is the file itself. Hint may be empty.
type Problem struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Path     string   `json:"path"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint"`
	Severity Severity `json:"severity"`
}

// String returns the problem on one line, as compilers print theirs.
func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Severity != SeverityError {
		b.WriteString(p.Severity.String() + ": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(": " + p.Hint)
	}
	return b.String()
}

// Problems are all faults of one file, in its order. As an error they list
// themselves, one on a line.
type Problems []Problem

// Error lists all problems, one on a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Err returns the problems as an error if one of them is more than a warning,
// else nil.
func (ps Problems) Err() error {
	for _, p := range ps {
		if p.Severity == SeverityError {
			return ps
		}
	}
	return nil
}

func (ps Problems) sort() {
	// Package slices would compile a sort for each element type, 12 KiB each.
	sort.SliceStable(ps, func(i, j int) bool {
		a, b := &ps[i], &ps[j]
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) < 0
	})
}

// Impaired counts the machines that would start blind or judge in part.
func (ps Problems) Impaired() (n int) {
	for _, p := range ps {
		if p.Severity == SeverityImpaired {
			n++
		}
	}
	return n
}
