package detect

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// No product may be fused with a sum: the result would depend on the CPU. Both
// compilers that fuse are asked: arm64 always, amd64 from v3 on.
func TestNoFusedMultiplyAdd(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go tool in PATH")
	}
	fused := regexp.MustCompile(`(?m)^.*\b(FN?M(ADD|SUB)[SD]?|VFN?M(ADD|SUB)\d*[SP][SD])\b.*$`)
	for _, env := range [][]string{{"GOARCH=arm64"}, {"GOARCH=amd64", "GOAMD64=v3"}} {
		archive := filepath.Join(t.TempDir(), "detect.a")
		build := exec.Command(goTool, "build", "-o", archive, ".")
		build.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), env...)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %v: %v\n%s", env, err, out)
		}
		text, err := exec.Command(goTool, "tool", "objdump", archive).Output()
		if err != nil {
			t.Fatalf("disassemble %v: %v", env, err)
		}
		if !regexp.MustCompile(`FMUL|MULSD`).Match(text) || !regexp.MustCompile(`fillParts`).Match(text) {
			t.Fatalf("%v: no product found: the disassembly is not what it should be", env)
		}
		if hit := fused.Find(text); hit != nil {
			t.Errorf("%v: %s", env, hit)
		}
	}
}
