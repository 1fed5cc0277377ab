// Command asmgen writes the Arm kernels of package quant.
//
// Go's assembler knows neither NEON nor the dot product, so the kernels are
// written in GNU syntax, below src, and stand in quant as words with their
// mnemonics. It needs Debian's binutils-aarch64-linux-gnu and
// binutils-arm-linux-gnueabihf:
//
//	go generate ./quant
//
// # Why
//
// A table of encodings of our own would be one more thing to be wrong, and
// unreadable words nobody could review. The sources here are what the Arm
// manuals print; an assembler of forty years encodes them, its disassembler
// writes the comments, and tests disassemble what the Go linker made of them.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	src, dst := "internal/asmgen/src", "."
	if len(os.Args) == 3 {
		src, dst = os.Args[1], os.Args[2]
	}
	for _, f := range Files {
		text, err := Generate(src, f)
		if err == nil {
			err = os.WriteFile(filepath.Join(dst, f.Name+".s"), text, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "asmgen:", err)
			os.Exit(1)
		}
	}
}
