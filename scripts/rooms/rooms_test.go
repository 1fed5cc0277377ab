package main

import (
	"strings"
	"testing"
)

func TestPrint(t *testing.T) {
	rooms := []*room{
		{ImportPath: "m/agent", GoFiles: []string{"main.go"}, lines: 70, uses: []string{"m/agent/a", "m/agent/b"}},
		{ImportPath: "m/agent/a", GoFiles: []string{"a.go", "doc.go"}, lines: 200},
		{ImportPath: "m/agent/b", GoFiles: []string{"b.go"}, lines: 30, uses: []string{"m/agent/c"}},
		{ImportPath: "m/agent/c", GoFiles: []string{"c.go"}, lines: 5},
	}
	var b strings.Builder
	if err := print(&b, rooms); err != nil {
		t.Fatal(err)
	}
	const want = `package  files  lines  imports
agent    1      70     agent/a agent/b
agent/a  2      200    
agent/b  1      30     agent/c
agent/c  1      5      

4 packages, 5 files, 305 lines, 3 imports among them
longest chain: 3 packages: agent -> agent/b -> agent/c
package main: 70 lines, files: 1, without tests
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// The agent's own packages are found, package main first, and no package imports
// package main.
func TestList(t *testing.T) {
	rooms, err := list("../../agent/...")
	if err != nil {
		t.Fatal(err)
	}
	if len(rooms) < 10 || short(rooms[0].ImportPath) != "agent" || rooms[0].lines < 100 || len(rooms[0].uses) < 5 {
		t.Fatalf("%d packages, the first is %+v", len(rooms), rooms[0])
	}
	for _, r := range rooms {
		for _, to := range r.uses {
			if to == rooms[0].ImportPath {
				t.Errorf("%s imports package main", r.ImportPath)
			}
		}
	}
}
