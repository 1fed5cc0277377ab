package detect

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the matrix in docs/mqtt.md anew")

// page is the matrix as docs/mqtt.md shows it.
func page() string {
	var b strings.Builder
	b.WriteString("| kind | severity → level | state | what is wrong | what to do |\n|---|---|---|---|---|\n")
	for _, r := range Rules() {
		var levels []string
		for i, s := range Severities() {
			if r.Levels[i] != "" {
				levels = append(levels, fmt.Sprintf("%s → **%s**", s, r.Levels[i]))
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s | %s |\n", r.Kind, strings.Join(levels, ", "), r.State, r.What, r.Do)
	}
	return b.String()
}

// TestMatrix_page: the table in docs/mqtt.md is the one in the code.
func TestMatrix_page(t *testing.T) {
	const path, from, to = "../../docs/mqtt.md", "<!-- matrix: make golden writes it -->\n", "<!-- end of matrix -->"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(b), from)
	old, tail, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatal("docs/mqtt.md has no place for the matrix")
	}
	if old == page() {
		return
	}
	if !*update {
		t.Fatal("the matrix in docs/mqtt.md is stale: run make golden and read the diff")
	}
	if err := os.WriteFile(path, []byte(head+from+page()+to+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestMatrix: each kind has one rule, severities and levels rise together, and no
// event is without a level.
func TestMatrix(t *testing.T) {
	seen := map[Kind]bool{}
	plant := true
	for _, r := range Rules() {
		if seen[r.Kind] || r.State == "" || r.What == "" || r.Do == "" {
			t.Errorf("%+v", r)
		}
		seen[r.Kind] = true
		if r.Plant && !plant {
			t.Errorf("%s comes after a kind that is not about the machine", r.Kind)
		}
		plant = r.Plant
		last := NoLevel
		for i, s := range Severities() {
			if got := LevelOf(r.Kind, s); got.Rank() == 0 || r.Levels[i] != "" && got != r.Levels[i] {
				t.Errorf("%s of severity %s has level %q", r.Kind, s, got)
			}
			if l := r.Levels[i]; l != "" {
				if l.Rank() < last.Rank() {
					t.Errorf("%s: level falls from %s to %s", r.Kind, last, l)
				}
				last = l
			}
		}
		if last == NoLevel {
			t.Errorf("%s has no severity", r.Kind)
		}
	}
	for _, k := range []Kind{ProcessAnomaly, LimitExceeded, SensorFault, BusFault, Drift, Alert} {
		if !seen[k] {
			t.Errorf("%s has no rule", k)
		}
	}
	if LevelOf("other", "") != LevelWarning {
		t.Error("an event that the matrix does not foresee is silent")
	}
	for i, l := range Levels() {
		if l.Rank() != i {
			t.Errorf("%s ranks %d", l, l.Rank())
		}
	}
}

// TestMatrix_schemas: the schemas have the kinds, severities and levels of the matrix.
func TestMatrix_schemas(t *testing.T) {
	var kinds, severities, levels []string
	for _, r := range Rules() {
		kinds = append(kinds, string(r.Kind))
	}
	for _, s := range Severities() {
		severities = append(severities, string(s))
	}
	for _, l := range Levels() {
		levels = append(levels, string(l))
	}
	for path, enums := range map[string][][]string{
		"../../docs/event.schema.json": {kinds, severities, levels[1:]},
		"../../docs/state.schema.json": {kinds, severities, levels},
	} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, m := range regexp.MustCompile(`"enum": \[("[^]]*)\]`).FindAllStringSubmatch(string(b), -1) {
			values := strings.Split(strings.ReplaceAll(m[1], `"`, ""), ", ")
			slices.Sort(values)
			for _, want := range enums {
				if slices.Equal(values, slices.Sorted(slices.Values(want))) {
					found++
					break
				}
			}
		}
		if found < len(enums) {
			t.Errorf("%s has %d enumerations of the matrix, want %d", path, found, len(enums))
		}
	}
}
