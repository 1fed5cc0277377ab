package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	mdLink   = regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)
	testName = regexp.MustCompile(`\b(?:Test|Benchmark|Fuzz)[A-Z]\w+`)
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)\w+)\(`)
)

// TestDocs checks that the files that the pages link to exist, and the tests that
// they name.
func TestDocs(t *testing.T) {
	tests := map[string]bool{}
	for _, f := range goFiles(t) {
		if f.test {
			for _, m := range testFunc.FindAllStringSubmatch(read(t, filepath.Join(root, f.path)), -1) {
				tests[m[1]] = true
			}
		}
	}
	links, named := 0, 0
	for _, page := range pages(t) {
		text := read(t, page)
		for _, m := range mdLink.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			}
		}
		for _, name := range testName.FindAllString(text, -1) {
			if named++; !tests[name] {
				t.Errorf("%s names %s, which is no test", page, name)
			}
		}
	}
	if links < 20 || named < 10 {
		t.Errorf("found %d links and %d names of tests only: the search is wrong", links, named)
	}
}

// pages are the Markdown files of the root and of docs.
func pages(t *testing.T) (out []string) {
	t.Helper()
	for _, dir := range []string{root, filepath.Join(root, "docs")} {
		found, err := fs.Glob(os.DirFS(dir), "*.md")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range found {
			out = append(out, filepath.Join(dir, name))
		}
	}
	return out
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
