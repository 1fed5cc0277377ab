package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	mdLink   = regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`)
	mdFence  = regexp.MustCompile("(?ms)^```.*?^```$")
	heading  = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	notSlug  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	mkTarget = regexp.MustCompile("(?m)(?:`|^    )make((?: [a-z]+(?:-[a-z]+)*)+)")
	testName = regexp.MustCompile(`\b(?:Test|Benchmark|Fuzz)[A-Z]\w+`)
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)\w+)\(`)
)

// TestDocs checks that the files and headings that the pages link to exist, and the
// tests that they name.
func TestDocs(t *testing.T) {
	tests := map[string]bool{}
	for _, f := range goFiles(t) {
		if f.test {
			for _, m := range testFunc.FindAllStringSubmatch(read(t, filepath.Join(root, f.path)), -1) {
				tests[m[1]] = true
			}
		}
	}
	found, named := 0, 0
	for _, page := range pages(t) {
		for _, l := range links(t, page) {
			if found++; l.broken != "" {
				t.Errorf("%s links to %s: %s", page, l.target, l.broken)
			}
		}
		for _, name := range testName.FindAllString(read(t, page), -1) {
			if named++; !tests[name] {
				t.Errorf("%s names %s, which is no test", page, name)
			}
		}
	}
	if found < 20 || named < 10 {
		t.Errorf("found %d links and %d names of tests only: the search is wrong", found, named)
	}
}

// TestDocs_planted checks that TestDocs finds links that lead nowhere.
func TestDocs_planted(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "page.md")
	text := "# A page\n\n[a](page.md#a-page) [b](#what-it-does-and-why) [c](none.md) [d](page.md#none) [e](#none) [f](https://host/none)\n\n## What `it` does, and why?\n\n```\n# none\n```\n"
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range links(t, page) {
		if l.broken != "" {
			got = append(got, l.target)
		}
	}
	if want := []string{"none.md", "page.md#none", "#none"}; !slices.Equal(got, want) {
		t.Errorf("broken links %v, want %v", got, want)
	}
}

// TestDocs_index checks that docs/README.md leads to every page, and the README of
// the root to docs/README.md.
func TestDocs_index(t *testing.T) {
	index := filepath.Join(root, "docs", "README.md")
	for _, page := range pages(t) {
		if page != index && !linksTo(t, index, page) {
			t.Errorf("%s does not link to %s", index, page)
		}
	}
	if top := filepath.Join(root, "README.md"); !linksTo(t, top, index) {
		t.Errorf("%s does not link to %s", top, index)
	}
}

// TestDocs_paths checks that the files of this repository that the pages name exist. A walk
// of CONTRIBUTING names files that one is to write (NAME), CHANGELOG those of its time.
func TestDocs_paths(t *testing.T) {
	path := regexp.MustCompile("`((?:agent|board|docs|drivers|model|quant|scripts|tools)/[\\w./-]+)`")
	named := 0
	for _, page := range pages(t) {
		if filepath.Base(page) == "CHANGELOG.md" {
			continue
		}
		for _, m := range path.FindAllStringSubmatch(read(t, page), -1) {
			if named++; strings.Contains(m[1], "NAME") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s names %s, which is no file", page, m[1])
			}
		}
	}
	if named < 50 {
		t.Errorf("found %d paths only: the search is wrong", named)
	}
}

// TestDocs_make checks that the targets of make that the pages name exist.
func TestDocs_make(t *testing.T) {
	targets := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z][a-z-]*):`).FindAllStringSubmatch(read(t, filepath.Join(root, "Makefile")), -1) {
		targets[m[1]] = true
	}
	named := 0
	for _, page := range pages(t) {
		for _, m := range mkTarget.FindAllStringSubmatch(read(t, page), -1) {
			for _, target := range strings.Fields(m[1]) {
				if named++; !targets[target] {
					t.Errorf("%s names make %s, which is no target", page, target)
				}
			}
		}
	}
	if named < 20 {
		t.Errorf("found %d targets only: the search is wrong", named)
	}
}

// link is a link to a file of the repository.
type link struct {
	target string // as written
	file   string // from here
	broken string // why it leads nowhere; "" = it does not
}

// links are the links of a page, apart from those to other hosts.
func links(t *testing.T, page string) (out []link) {
	t.Helper()
	for _, m := range mdLink.FindAllStringSubmatch(mdFence.ReplaceAllString(read(t, page), ""), -1) {
		if strings.Contains(m[1], "://") {
			continue
		}
		l := link{target: strings.TrimSuffix(m[1]+"#"+m[2], "#"), file: page}
		if m[1] != "" {
			l.file = filepath.Join(filepath.Dir(page), m[1])
		}
		if _, err := os.Stat(l.file); err != nil {
			l.broken = err.Error()
		} else if m[2] != "" && !slices.Contains(anchors(read(t, l.file)), m[2]) {
			l.broken = "no such heading"
		}
		out = append(out, l)
	}
	return out
}

// anchors are the names that GitHub gives to the headings of a page. A name that
// comes twice is not numbered here: a link leads to the first.
func anchors(text string) (out []string) {
	for _, m := range heading.FindAllStringSubmatch(mdFence.ReplaceAllString(text, ""), -1) {
		slug := notSlug.ReplaceAllString(strings.ToLower(m[1]), "")
		out = append(out, strings.ReplaceAll(slug, " ", "-"))
	}
	return out
}

func linksTo(t *testing.T, from, to string) bool {
	t.Helper()
	return slices.ContainsFunc(links(t, from), func(l link) bool { return l.file == to })
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
