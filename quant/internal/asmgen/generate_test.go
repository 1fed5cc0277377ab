package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGenerated holds that the kernels in quant are what their sources give.
func TestGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the assemblers of this machine")
	}
	for _, f := range Files {
		text, err := Generate("src", f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("../..", f.Name+".s"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, text) {
			t.Errorf("%s.s is not what its source gives: go generate ./quant", f.Name)
		}
	}
}

var wordLine = regexp.MustCompile(`^\tWORD \$0x([0-9a-f]{8}) // (.*)$`)

// TestBuilt disassembles what the Go linker made of each kernel and compares every
// instruction with the mnemonic beside its word.
func TestBuilt(t *testing.T) {
	if testing.Short() {
		t.Skip("builds for other CPUs")
	}
	for _, f := range Files {
		_, arch, _ := strings.Cut(f.Name, "_")
		exe := filepath.Join(t.TempDir(), arch)
		cmd := exec.Command("go", "test", "-c", "-o", exe, "iot-edge-anomaly/quant")
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "GOARM=7", "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build for %s: %v\n%s", arch, err, out)
		}
		source, err := os.ReadFile(filepath.Join("../..", f.Name+".s"))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(source), "\nTEXT ·")[1:] {
			name, body, _ := strings.Cut(part, "(SB)")
			compareWords(t, name, body, disassembled(t, f, exe, name), len(f.Funcs[name].Loads))
		}
	}
}

// disassembled returns the code of a function of package quant in a program. If Go calls it
// through a wrapper of the same name, its symbol ends with .abi0.
func disassembled(t *testing.T, f File, exe, name string) []Instruction {
	t.Helper()
	for _, suffix := range []string{".abi0", ""} {
		symbol := "iot-edge-anomaly/quant." + name + suffix
		_, code, err := Disassemble(f.Tools, exe, "--disassemble="+symbol)
		if err != nil {
			t.Fatal(err)
		}
		if len(code[symbol]) > 0 {
			return code[symbol]
		}
	}
	t.Fatalf("%s is not in the program", name)
	return nil
}

// compareWords compares a function's words with its disassembly, which begins with the
// loads of the arguments.
func compareWords(t *testing.T, name, body string, built []Instruction, at int) {
	words := 0
	for line := range strings.Lines(body) {
		m := wordLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			continue
		}
		if at >= len(built) {
			t.Fatalf("%s: %d instructions built, want more", name, len(built))
		}
		got := built[at]
		at, words = at+1, words+1
		op, _, _ := strings.Cut(m[2], " ")
		if gotOp, _, _ := strings.Cut(got.Text, " "); got.Word != m[1] || gotOp != op {
			t.Errorf("%s word %d: built %s %q, source %s %q", name, words, got.Word, got.Text, m[1], m[2])
		}
	}
	if words < 10 {
		t.Errorf("%s: only %d words compared", name, words)
	}
}
