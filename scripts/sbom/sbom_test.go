package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestDescribe: the bill of this test's own binary names Go's library and every module,
// each once, with what CycloneDX 1.6 demands (release-check validates by its schema).
func TestDescribe(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := describe(self, "1.2.3", time.Unix(0, 0).UTC())
	if err != nil {
		t.Fatal(err)
	}
	again, _ := describe(self, "1.2.3", time.Unix(0, 0).UTC())
	x, _ := json.Marshal(b)
	if y, _ := json.Marshal(again); string(x) != string(y) {
		t.Error("two bills of one binary differ")
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(b.SerialNumber) {
		t.Errorf("serial number %s", b.SerialNumber)
	}
	refs := map[string]bool{b.Metadata.Component.Ref: true}
	for _, c := range b.Components {
		if refs[c.Ref] || c.Name == "" || c.Version == "" || !strings.HasPrefix(c.Purl, "pkg:golang/") {
			t.Errorf("component %+v", c)
		}
		refs[c.Ref] = true
	}
	if len(b.Components) == 0 || b.Components[0].Name != "std" {
		t.Errorf("components %+v", b.Components)
	}
	for _, d := range b.Dependencies {
		for _, r := range append(d.DependsOn, d.Ref) {
			if !refs[r] {
				t.Errorf("%s is not a component", r)
			}
		}
	}
	if h := b.Metadata.Component.Hashes; len(h) != 1 || len(h[0].Content) != 64 || b.Metadata.Component.Version != "1.2.3" {
		t.Errorf("program %+v", b.Metadata.Component)
	}
}

// TestDescribe_other: a file that is no Go program is an error that names it.
func TestDescribe_other(t *testing.T) {
	for _, path := range []string{"main.go", "absent"} {
		if _, err := describe(path, "1", time.Time{}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
