package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSame: a file that is moved down says the same; any other difference shows, in
// whatever part it is.
func TestSame(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*/config.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	parsed := func(text []byte) *Config {
		c, problems := Parse("config.yaml", text, testDrivers)
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		c.Warnings = nil
		return c
	}
	var before *Config
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c := parsed(text)
		if !Same(c, parsed(append([]byte("# a line\n\n"), bytes.TrimPrefix(text, []byte("\ufeff"))...))) {
			t.Errorf("%s: moved down, it is another", file)
		}
		if before != nil && Same(c, before) {
			t.Errorf("%s: the same as the file before", file)
		}
		before = c
	}
	type pair struct{ a, b any }
	for _, p := range []pair{{[]int{1}, []int{1, 2}}, {map[string]any{"x": 1}, map[string]any{"y": 1}}, {map[string]any{"x": 1}, map[string]any{"x": "1"}},
		{&Range{0, 1}, &Range{0, 2}}, {(*Range)(nil), &Range{}}, {1.5, 2.5}, {1, int64(1)}, {Values{"a": []Values{{"b": 1}}}, Values{"a": []Values{{"b": 2}}}}} {
		if Same(p.a, p.b) {
			t.Errorf("%v and %v are the same", p.a, p.b)
		}
	}
}

// TestDifferences: each section that differs is named, and where messages would go.
func TestDifferences(t *testing.T) {
	parsed := func(text string) *Config {
		c, problems := Parse("config.yaml", []byte(text), testDrivers)
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	const sensors = "sensors: [{name: m, driver: replay, file: a.csv%s}]\n"
	now := parsed(fmt.Sprintf(sensors, "") + "gateway: {site: a}\nmqtt: {broker: \"mqtts://broker:8883\"}\n")
	for text, want := range map[string]string{
		"# moved\n" + fmt.Sprintf(sensors, "") + "gateway: {site: a}\nmqtt: {broker: \"mqtts://broker:8883\"}\n":                "",
		fmt.Sprintf(sensors, "") + "gateway: {site: a}\nmqtt: {broker: \"mqtts://evil:8883\"}\n":                                `mqtt (broker "mqtts://broker:8883" becomes "mqtts://evil:8883")`,
		fmt.Sprintf(sensors, "") + "gateway: {site: b}\nmqtt: {broker: \"mqtts://broker:8883\", topic: x}\nlog: {level: debug}": "gateway, mqtt, log",
		fmt.Sprintf(sensors, ", period: 2s") + "gateway: {site: a}\nmqtt: {broker: \"mqtts://broker:8883\"}\n":                  "sensors",
	} {
		if got := strings.Join(Differences(now, parsed(text)), ", "); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
