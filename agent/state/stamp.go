package state

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Stamp changes when somebody puts another model in place, activates another version,
// or removes one. It reads no model.
func (s *Models) Stamp() string {
	if s.file != "" {
		return fileStamp(s.file)
	}
	var b strings.Builder
	target, _ := os.Readlink(filepath.Join(s.dir, currentLink)) // none = no version is active
	fmt.Fprintln(&b, target)
	for _, v := range s.Versions() {
		fmt.Fprintln(&b, v, fileStamp(filepath.Join(s.dir, v+Ext)))
	}
	return b.String()
}

// fileStamp changes when a file is written or replaced.
func fileStamp(path string) string {
	st, err := os.Stat(path)
	if err != nil {
		return "none"
	}
	return fmt.Sprint(st.ModTime().UnixNano(), " ", st.Size())
}
