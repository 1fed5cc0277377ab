package quant_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// goTool runs the go command in this folder, for the host unless env says
// otherwise, and returns its output.
func goTool(t *testing.T, env []string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command here")
	}
	cmd := exec.Command("go", args...)
	cmd.Env = append(append(os.Environ(), "GOARCH=", "GOFLAGS=", "CGO_ENABLED=0"), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestBoundsChecks asks the compiler where bounds checks remain: none in the
// inner loops, which are function dot.
func TestBoundsChecks(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles this package anew")
	}
	for arch, file := range map[string]string{"amd64": "dot_wide.go", "arm64": "dot_narrow.go"} {
		t.Run(arch, func(t *testing.T) { checkBounds(t, arch, file) })
	}
}

func checkBounds(t *testing.T, arch, file string) {
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, body, ok := strings.Cut(string(source), "\nfunc dot(")
	if !ok {
		t.Fatalf("no func dot in %s", file)
	}
	first := strings.Count(head, "\n") + 2
	last := first + strings.Count(body[:strings.Index(body, "\n}\n")], "\n")
	obj := filepath.Join(t.TempDir(), "package.a")
	out := goTool(t, []string{"GOARCH=" + arch}, "build", "-gcflags=-d=ssa/check_bce", "-o", obj, ".")
	found := regexp.MustCompile(`(\w+\.go):(\d+):\d+: Found`).FindAllStringSubmatch(out, -1)
	if len(found) == 0 {
		t.Fatal("the compiler reported no bounds check at all, not even outside the loop")
	}
	for _, f := range found {
		if line := atoi(f[2]); f[1] == file && line >= first && line <= last {
			t.Errorf("bounds check in dot at %s:%d", file, line)
		}
	}
}

func atoi(s string) (n int) {
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}
