package model_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var fusedOp = regexp.MustCompile(`\b(FMADD|FMSUB|FNMADD|FNMSUB)[SD]?\b`)

// fused builds a package for arm64 and returns the lines of its disassembly that
// multiply and add in one rounding, each with its function.
func fused(t *testing.T, pkg string) (found []string, functions int) {
	t.Helper()
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command in PATH: nothing to disassemble with")
	}
	archive := filepath.Join(t.TempDir(), "package.a")
	build := exec.Command(goTool, "build", "-o", archive, pkg)
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	out, err := exec.Command(goTool, "tool", "objdump", archive).Output()
	if err != nil {
		t.Fatalf("disassembling %s: %v", pkg, err)
	}
	function := ""
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "TEXT ") {
			function = strings.Fields(line)[1]
			functions++
		}
		if fusedOp.MatchString(line) {
			found = append(found, function+": "+strings.TrimSpace(line))
		}
	}
	return found, functions
}

func TestFused_none(t *testing.T) {
	found, functions := fused(t, ".")
	if functions < 50 {
		t.Errorf("%d functions disassembled, want the whole package", functions)
	}
	for _, line := range found {
		t.Errorf("fused on arm64, rounds differently than amd64: %s", line)
	}
}

func TestFused_planted(t *testing.T) {
	if found, _ := fused(t, "./testdata/fused"); len(found) == 0 {
		t.Error("the planted sum of products is not found: the other test cannot fail")
	}
}
