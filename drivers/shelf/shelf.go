package shelf

import (
	"embed"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Templates gives the text of each device's file by its name, the file's without
// ending. The map is the caller's.
func Templates() map[string]string {
	out := map[string]string{}
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the root of an embedded file system is always there
	}
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			panic(err)
		}
		out[strings.TrimSuffix(e.Name(), ".yaml")] = string(text)
	}
	return out
}
