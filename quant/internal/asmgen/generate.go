package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// File is one source and what Go needs to know of its functions.
type File struct {
	Name   string // of the source, without .S, and of the generated file, without .s
	Tools  string // prefix of the binutils
	Return string // the instruction that ends a function
	Funcs  map[string]Func
}

// Func is how Go calls a function: ABI0, arguments on the stack.
type Func struct {
	Decl  string   // as in Go
	Size  int      // of the arguments, in bytes
	Loads []string // instructions that load the arguments into registers
}

const (
	arm64Tools = "aarch64-linux-gnu-"
	armTools   = "arm-linux-gnueabihf-"
)

// Files lists the kernels.
var Files = []File{
	{"smull_arm64", arm64Tools, "ret", map[string]Func{
		"runSMULL": {"runSMULL(first *job, n int)", 16, []string{"MOVD first+0(FP), R0", "MOVD n+8(FP), R1"}},
		"quantiseNEON": {"quantiseNEON(dst *int8, src *float32, n int, scale float32)", 28,
			[]string{"MOVD dst+0(FP), R0", "MOVD src+8(FP), R1", "MOVD n+16(FP), R2", "MOVWU scale+24(FP), R3"}},
	}},
	{"sdot_arm64", arm64Tools, "ret", map[string]Func{
		"runSDOT": {"runSDOT(first *job, n int)", 16, []string{"MOVD first+0(FP), R0", "MOVD n+8(FP), R1"}},
	}},
	{"sumrows_arm64", arm64Tools, "ret", map[string]Func{
		"sumRowsNEON": {"sumRowsNEON(dst, rows, weights *float32, n, count int)", 40,
			[]string{"MOVD dst+0(FP), R0", "MOVD rows+8(FP), R1", "MOVD weights+16(FP), R2", "MOVD n+24(FP), R3", "MOVD count+32(FP), R4"}},
	}},
	{"sdot4_arm64", arm64Tools, "ret", map[string]Func{
		"run4SDOT": {"run4SDOT(first *job, n int)", 16, []string{"MOVD first+0(FP), R0", "MOVD n+8(FP), R1"}},
	}},
	{"limits_arm64", arm64Tools, "ret", map[string]Func{
		"chainARM64":  {"chainARM64(n int)", 8, []string{"MOVD n+0(FP), R0"}},
		"peakSMULL":   {"peakSMULL(n int)", 8, []string{"MOVD n+0(FP), R0"}},
		"peakSDOT":    {"peakSDOT(n int)", 8, []string{"MOVD n+0(FP), R0"}},
		"streamARM64": {"streamARM64(p *int8, n int)", 16, []string{"MOVD p+0(FP), R0", "MOVD n+8(FP), R1"}},
	}},
	{"limits_arm", armTools, "bx\tlr", map[string]Func{
		"chainARM":   {"chainARM(n int)", 4, []string{"MOVW n+0(FP), R0"}},
		"peakNEON":   {"peakNEON(n int)", 4, []string{"MOVW n+0(FP), R0"}},
		"streamNEON": {"streamNEON(p *int8, n int)", 8, []string{"MOVW p+0(FP), R0", "MOVW n+4(FP), R1"}},
	}},
	{"neon_arm", armTools, "bx\tlr", map[string]Func{
		"runNEON": {"runNEON(first *job, n int)", 8, []string{"MOVW first+0(FP), R0", "MOVW n+4(FP), R1"}},
	}},
}

// Instruction is one word and its disassembly.
type Instruction struct{ Word, Text string }

var (
	symbolLine = regexp.MustCompile(`^[0-9a-f]+ <(\S+)>:$`)
	codeLine   = regexp.MustCompile(`^\s*[0-9a-f]+:\t([0-9a-f]{8}) ?\t(.*)$`)
	blanks     = regexp.MustCompile(`\s+`)
	target     = regexp.MustCompile(`(?:0x)?[0-9a-f]+ <(\S+)>$`)
)

// Disassemble returns the instructions of an object by symbol, and the symbols in order, as
// objdump lists them. options are passed to objdump.
func Disassemble(tools, object string, options ...string) (symbols []string, code map[string][]Instruction, err error) {
	out, err := exec.Command(tools+"objdump", append([]string{"-d", object}, options...)...).Output()
	if err != nil {
		return nil, nil, fmt.Errorf("%sobjdump %s: %w", tools, object, err)
	}
	code = map[string][]Instruction{}
	at := ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		if m := symbolLine.FindStringSubmatch(line); m != nil {
			at = m[1]
			symbols = append(symbols, at)
		} else if m := codeLine.FindStringSubmatch(line); m != nil {
			code[at] = append(code[at], Instruction{m[1], Tidy(m[2])})
		}
	}
	return symbols, code, nil
}

// Tidy removes the disassembler's comments and addresses, which depend on the position of
// the code.
func Tidy(text string) string {
	text, _, _ = strings.Cut(text, "//")
	text, _, _ = strings.Cut(text, "@")
	text = strings.TrimSpace(text)
	if m := target.FindStringSubmatchIndex(text); m != nil {
		text = text[:m[0]] + text[m[2]:m[3]]
	}
	return blanks.ReplaceAllString(text, " ")
}

// complete returns an error for an object that needs linking: the word of a branch to a
// global symbol lacks its target.
func complete(object string) error {
	o, err := elf.Open(object)
	if err != nil {
		return err
	}
	defer o.Close()
	for _, s := range o.Sections {
		if (s.Type == elf.SHT_REL || s.Type == elf.SHT_RELA) && s.Size > 0 {
			return fmt.Errorf("section %s: relocations: branch to local labels only", s.Name)
		}
	}
	return nil
}

// Generate assembles one source in folder src and returns the Go assembly file.
func Generate(src string, f File) ([]byte, error) {
	dir, err := os.MkdirTemp("", "asmgen")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	object := filepath.Join(dir, "o")
	if out, err := exec.Command(f.Tools+"as", "-I", src, "-o", object, filepath.Join(src, f.Name+".S")).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("assemble %s: %w\n%s", f.Name, err, out)
	}
	if err := complete(object); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	symbols, code, err := Disassemble(f.Tools, object)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated by internal/asmgen from src/%s.S. DO NOT EDIT.\n\n//go:build !purego\n\n#include \"textflag.h\"\n", f.Name)
	ended := true
	for _, s := range symbols {
		if fn, ok := f.Funcs[s]; ok {
			fmt.Fprintf(&b, "\n// func %s\nTEXT ·%s(SB), NOSPLIT, $0-%d\n", fn.Decl, s, fn.Size)
			for _, l := range fn.Loads {
				op, args, _ := strings.Cut(l, " ")
				fmt.Fprintf(&b, "\t%-4s %s\n", op, args)
			}
			b.WriteString("\n")
		} else {
			fmt.Fprintf(&b, "\n\t// %s:\n", s)
		}
		for _, i := range code[s] {
			ended = i.Text == blanks.ReplaceAllString(f.Return, " ")
			if ended {
				b.WriteString("\tRET\n")
				continue
			}
			fmt.Fprintf(&b, "\tWORD $0x%s // %s\n", i.Word, i.Text)
		}
	}
	if !ended {
		return nil, fmt.Errorf("%s: the last function does not end with %s", f.Name, f.Return)
	}
	return b.Bytes(), nil
}
