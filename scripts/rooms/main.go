// Command rooms prints how the agent is divided: each package below agent/ with
// its lines and what it imports of the others, the longest chain of imports, and
// the lines of package main.
//
//	make rooms
//
// It counts what `go list` finds for this machine: no tests, no build tags.
// scripts/house holds the rules; this command shows their result.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// room is a package as go list prints it.
type room struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string

	lines int
	uses  []string // of Imports, the rooms
}

func main() {
	flag.Parse()
	rooms, err := list("./agent/...")
	if err == nil {
		err = print(os.Stdout, rooms)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rooms:", err)
		os.Exit(1)
	}
}

// list returns the packages that match a pattern, package main first.
func list(pattern string) ([]*room, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", pattern)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", pattern, err)
	}
	var rooms []*room
	known := map[string]bool{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		r := &room{}
		if err := d.Decode(r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		for _, name := range r.GoFiles {
			src, err := os.ReadFile(filepath.Join(r.Dir, name))
			if err != nil {
				return nil, err
			}
			r.lines += bytes.Count(src, []byte("\n"))
		}
		known[r.ImportPath] = true
		rooms = append(rooms, r)
	}
	for _, r := range rooms {
		for _, to := range r.Imports {
			if known[to] {
				r.uses = append(r.uses, to)
			}
		}
	}
	return rooms, nil
}

// print writes the table and the sums.
func print(w io.Writer, rooms []*room) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "package\tfiles\tlines\timports")
	imports, files, lines := 0, 0, 0
	for _, r := range rooms {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%s\n", short(r.ImportPath), len(r.GoFiles), r.lines, joined(r.uses, " "))
		imports += len(r.uses)
		files += len(r.GoFiles)
		lines += r.lines
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	door := rooms[0]
	chain := longest(rooms)
	_, err := fmt.Fprintf(w, "\n%d packages, %d files, %d lines, %d imports among them\nlongest chain: %d packages: %s\npackage main: %d lines, files: %d, without tests\n",
		len(rooms), files, lines, imports, len(chain), joined(chain, " -> "), door.lines, len(door.GoFiles))
	return err
}

// longest is the longest chain of imports; of several, the first by name.
func longest(rooms []*room) []string {
	byPath := map[string]*room{}
	for _, r := range rooms {
		byPath[r.ImportPath] = r
	}
	found := map[string][]string{}
	var from func(path string) []string
	from = func(path string) []string {
		if chain, ok := found[path]; ok {
			return chain
		}
		var rest []string
		for _, to := range byPath[path].uses {
			if c := from(to); len(c) > len(rest) {
				rest = c
			}
		}
		found[path] = append([]string{path}, rest...)
		return found[path]
	}
	var best []string
	for _, r := range rooms {
		if c := from(r.ImportPath); len(c) > len(best) {
			best = c
		}
	}
	return best
}

// short is an import path without the module.
func short(path string) string {
	_, rest, _ := strings.Cut(path, "/")
	return rest
}

func joined(paths []string, by string) string {
	names := make([]string, len(paths))
	for i, p := range paths {
		names[i] = short(p)
	}
	return strings.Join(names, by)
}
