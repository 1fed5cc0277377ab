package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// repository is a git repository for a test, in a folder of its own.
type repository struct {
	t   *testing.T
	dir string
}

// newRepository makes a repository of the files in dir. Without git it skips the
// test: whoever tests a source archive may have none.
func newRepository(t *testing.T, dir string) repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	r := repository{t, dir}
	r.git("init", "-q")
	r.commit()
	return r
}

func (r repository) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	cmd.Env = append(cleanEnv(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org")
	return output(r.t, cmd)
}

func (r repository) commit() {
	r.t.Helper()
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", "a change")
}

// archive makes a source archive of the last commit and unpacks it.
func (r repository) archive(to string) {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "source.tar")
	r.git("archive", "-o", file, "HEAD")
	if err := os.MkdirAll(to, 0o755); err != nil {
		r.t.Fatal(err)
	}
	output(r.t, exec.Command("tar", "-xf", file, "-C", to))
}

// cleanEnv is the environment without git's variables: a hook of this repository sets
// some that would make git work on it instead of on the test's own.
func cleanEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_") })
}

// versionIn runs the version.sh of a folder.
func versionIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(dir, "scripts", "version.sh"), args...)
	cmd.Env = cleanEnv()
	return strings.TrimSpace(output(t, cmd))
}

// TestVersion checks what scripts/version.sh prints in a clone and in an archive.
func TestVersion(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "clone")
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"scripts/version.sh", "scripts/version.txt", ".gitattributes"} {
		write(name, read(t, filepath.Join(root, name)), 0o755)
	}
	write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n- That.\n\n", 0o644)
	if got := versionIn(t, dir); got != "0.0.0+dev" {
		t.Errorf("without git, nothing released: %s", got)
	}
	if got := versionIn(t, dir, "commit"); got != "unknown" {
		t.Errorf("commit without git: %s", got)
	}
	r := newRepository(t, dir)
	check := func(what, want string) {
		t.Helper()
		if got := versionIn(t, dir); !regexp.MustCompile("^" + want + "$").MatchString(got) {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
		commit := versionIn(t, dir, "commit")
		if full := strings.TrimSpace(r.git("rev-parse", "HEAD")); len(commit) < 12 || !strings.HasPrefix(full, commit) {
			t.Errorf("%s: commit %s, want the beginning of %s", what, commit, full)
		}
		unpacked := filepath.Join(t.TempDir(), "source")
		r.archive(unpacked)
		for _, arg := range []string{"version", "commit"} {
			if got, want := versionIn(t, unpacked, arg), versionIn(t, dir, arg); got != want {
				t.Errorf("%s: %s %s in an archive, %s in the clone", what, arg, got, want)
			}
		}
	}
	check("no tag", `0\.0\.0\+g[0-9a-f]{12}`)
	write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n## [1.3.9] - 2026-01-02\n\n## 1.3.8\n", 0o644)
	r.commit()
	check("no tag, but releases", `1\.3\.9\+g[0-9a-f]{12}`)
	r.git("tag", "v1.4.0")
	r.git("tag", "-m", "not a version", "nightly")
	check("at a tag", `1\.4\.0`)
	r.commit()
	r.commit()
	check("after a tag", `1\.4\.0\+2\.g[0-9a-f]{12}`)
	r.git("tag", "-m", "a candidate", "v1.5.0-rc.1")
	check("at a candidate", `1\.5\.0-rc\.1`)
	r.commit()
	check("after a candidate", `1\.5\.0-rc\.1\+1\.g[0-9a-f]{12}`)

	write("CHANGELOG.md", "changed", 0o644)
	if got := versionIn(t, dir); !strings.HasSuffix(got, ".dirty") {
		t.Errorf("changed and not committed: %s, want ….dirty", got)
	}
	r.git("checkout", "-q", "v1.4.0", "--force")
	write("CHANGELOG.md", "changed", 0o644)
	if got := versionIn(t, dir); got != "1.4.0+dirty" {
		t.Errorf("a tag, changed and not committed: %s, want 1.4.0+dirty", got)
	}
}

// TestNotes checks what scripts/notes.sh prints of a changelog.
func TestNotes(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "scripts", "notes.sh")
	if err := os.Mkdir(filepath.Dir(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, []byte(read(t, filepath.Join(root, "scripts/notes.sh"))), 0o755); err != nil {
		t.Fatal(err)
	}
	const changelog = "# Changelog\n\nHow it is kept.\n\n## Unreleased\n\n- New.\n\n\n## [1.4.0] - 2026-02-01\n\n### Sensors\n\n" +
		"- One,\n  wrapped.\n- Two.\n\n## v1.3.0\n\n- Old.\n\n## 1.2.0\n"
	if err := os.WriteFile(filepath.Join(dir, "CHANGELOG.md"), []byte(changelog), 0o644); err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{
		"1.4.0":          "### Sensors\n\n- One,\n  wrapped.\n- Two.\n",
		"v1.4.0":         "### Sensors\n\n- One,\n  wrapped.\n- Two.\n",
		"1.3.0":          "- Old.\n",
		"1.4.0+3.gabc":   "- New.\n",
		"0.0.0+dev":      "- New.\n",
		"1.4":            "",
		"1.2.0":          "",
		"9.9.9":          "",
		"Unreleased+dev": "- New.\n",
	} {
		out, err := exec.Command(script, version).Output()
		if string(out) != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v; want %q", version, out, err, want)
		}
	}
}
