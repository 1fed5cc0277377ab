package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// exact are the packages whose results must have the same bytes on every CPU.
var exact = []string{"./quant", "./model", "./agent/derive", "./agent/detect", "./agent/judge"}

// planted is a package with fused multiply-adds in Go and in assembly.
const planted = "./scripts/house/testdata/fused"

// fusedOn tells by architecture whether a line of objdump's listing has an
// instruction that multiplies and adds with one rounding.
var fusedOn = map[string]func(line string) bool{
	"arm64": regexp.MustCompile(`\b(FN?M(ADD|SUB)[SDH]|VFML[AS]\w*)\b`).MatchString,
	"arm":   fusedArm,
}

// fusedArm decodes the instruction itself, because objdump prints "?" for the
// fused ones (ARM DDI 0406C, A8.8.317 and A8.8.318). Go calls math.FMA where the
// CPU lacks them.
func fusedArm(line string) bool {
	fields := strings.Fields(line)
	if len(fields) < 4 {
		return false
	}
	w, err := strconv.ParseUint(fields[2], 16, 32)
	return err == nil && (w>>28 != 0xf && w&0x0fb00e10 == 0x0ea00a00 || // VFMA, VFMS
		w>>28 != 0xf && w&0x0fb00e10 == 0x0e900a00 || // VFNMA, VFNMS
		w&0xff800f10 == 0xf2000c10 || // VFMA, VFMS of vectors
		strings.Contains(line, ":math.FMA"))
}

// TestFused compiles the exact packages for Arm and searches them for fused
// multiply-adds, in Go and in assembly. On arm64 the compiler fuses x*y + z
// unless a conversion stands between; on 32-bit Arm only math.FMA is fused.
//
// amd64 needs no search. There the compiler fuses nothing below GOAMD64=v3, and
// from v3 on nothing that it does not fuse on arm64.
func TestFused(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for two architectures; not with -short")
	}
	for arch, fused := range fusedOn {
		t.Run(arch, func(t *testing.T) {
			for pkg, archive := range archives(t, arch) {
				found, functions := search(t, archive, fused)
				switch {
				case pkg == module+planted[1:]:
					checkPlanted(t, found)
				case functions < 20:
					t.Errorf("%s: %d functions disassembled; that is not the whole package", pkg, functions)
				case len(found) > 0:
					t.Errorf("%s rounds once where other CPUs round twice:\n%s", pkg, strings.Join(found, "\n"))
				}
			}
		})
	}
}

// archives compiles the exact packages and the planted one in one build, and
// returns the archive of each. The flags are those of the binary that ships, so
// that TestReproducible and make cross find the standard library compiled.
func archives(t *testing.T, arch string) map[string]string {
	t.Helper()
	args := []string{"list", "-export", "-trimpath", "-tags", "nethttpomithttp2", "-f", "{{.ImportPath}} {{.Export}}", planted}
	cmd := exec.Command("go", append(args, exact...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "GOARM64=v8.0", "GOARM=7", "CGO_ENABLED=0", "GOFLAGS=")
	words := strings.Fields(output(t, cmd))
	if len(words) != 2*(len(exact)+1) {
		t.Fatalf("go list: %q, want %d packages with their archives", words, len(exact)+1)
	}
	built := map[string]string{}
	for i := 0; i < len(words); i += 2 {
		built[words[i]] = words[i+1]
	}
	return built
}

// search disassembles every object of an archive. It returns the lines with fused
// instructions, each with its function's name, and the number of functions.
func search(t *testing.T, archive string, fused func(line string) bool) (found []string, functions int) {
	t.Helper()
	dir := t.TempDir()
	unpack := exec.Command("go", "tool", "pack", "x", archive)
	unpack.Dir = dir
	output(t, unpack)
	objects, err := filepath.Glob(filepath.Join(dir, "*.o"))
	if err != nil || len(objects) == 0 {
		t.Fatalf("%s: %d objects, %v", archive, len(objects), err)
	}
	for _, object := range objects {
		function := ""
		for line := range strings.Lines(output(t, exec.Command("go", "tool", "objdump", object))) {
			if text, ok := strings.CutPrefix(line, "TEXT "); ok {
				function, _, _ = strings.Cut(text, "(")
				functions++
			} else if fused(line) {
				found = append(found, function+": "+strings.Join(strings.Fields(line), " "))
			}
		}
	}
	return found, functions
}

// checkPlanted checks that the search finds every planted instruction. The compiler
// for 32-bit Arm does not fuse the sum of products.
func checkPlanted(t *testing.T, found []string) {
	t.Helper()
	want := []string{"fused.FMA:", "fused.Vector:"}
	if strings.HasSuffix(t.Name(), "/arm64") {
		want = append(want, "fused.Dot:")
	}
	for _, function := range want {
		if !strings.Contains(strings.Join(found, "\n"), function) {
			t.Errorf("%s is fused and was not found; found are %q", function, found)
		}
	}
}

// output runs a command and returns what it prints.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, stderr.String())
	}
	return string(out)
}
