// Command asmgen generates the Arm kernels of package quant.
//
// Go's assembler does not know the NEON and dot product instructions, so the kernels are
// written in GNU syntax, in src, and generated into quant as words with their mnemonics. It
// needs Debian's binutils-aarch64-linux-gnu and binutils-arm-linux-gnueabihf:
//
//	go generate ./quant
//
// # Why
//
// A table of encodings of our own could be wrong, and nobody can review bare words. The
// sources have the syntax of Arm's manuals; an assembler of forty years encodes them, its
// disassembler writes the comments, and tests disassemble what the Go linker made of them.
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
