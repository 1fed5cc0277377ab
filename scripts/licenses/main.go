// Command licenses prints the licence of everything that is linked into the agent on
// amd64, arm64 and 32-bit ARM: each text once, below the modules that it is for. It
// ends with 1 if a module has no licence file. Releases carry its output as
// THIRD_PARTY_LICENSES.
//
//	go run ./scripts/licenses > THIRD_PARTY_LICENSES
//
// The agent carries the same text in agent/licenses.gz, for version --licenses.
// `go test ./scripts/licenses -update` writes that file.
package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	text, err := collect(".")
	if err == nil {
		_, err = os.Stdout.WriteString(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scripts/licenses:", err)
		os.Exit(1)
	}
}

// module is a module whose code is linked.
type module struct{ name, dir string }

// collect returns the licences of what ./agent links in the repository at root.
func collect(root string) (string, error) {
	modules, err := linked(root)
	if err != nil {
		return "", err
	}
	return texts(modules)
}

// linked lists the modules of every architecture, and the Go library last.
func linked(root string) ([]module, error) {
	var all []module
	for _, arch := range []string{"amd64", "arm64", "arm"} {
		out, err := run(root, arch, "list", "-deps", "-tags", "nethttpomithttp2", "-f", "{{with .Module}}{{if not (or .Main (and .Replace (not .Replace.Version)))}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", "./agent")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			if name, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
				all = append(all, module{name, dir})
			}
		}
	}
	slices.SortFunc(all, func(a, b module) int { return cmp.Compare(a.name, b.name) })
	goroot, err := run(root, "amd64", "env", "GOROOT")
	return append(slices.Compact(all), module{"the Go standard library", strings.TrimSpace(goroot)}), err
}

func run(root, arch string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%v: %w", cmd, err)
	}
	return string(out), nil
}

// texts writes each text once, in the order of the first module that it is for.
func texts(modules []module) (string, error) {
	users := map[string][]string{} // text to the modules and files
	var order []string
	for _, m := range modules {
		files, err := licenceFiles(m.dir)
		if err != nil {
			return "", fmt.Errorf("%s: %w", m.name, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				return "", err
			}
			text := strings.TrimSpace(strings.ReplaceAll(string(b), "\r\n", "\n")) + "\n"
			if users[text] == nil {
				order = append(order, text)
			}
			users[text] = append(users[text], m.name+": "+filepath.Base(f))
		}
	}
	var b strings.Builder
	for _, text := range order {
		for _, u := range users[text] {
			b.WriteString("=== " + u + "\n")
		}
		b.WriteString("\n" + text + "\n")
	}
	return b.String(), nil
}

// licenceFiles finds the licence and what must be told with it; a notice alone is no
// licence.
func licenceFiles(dir string) ([]string, error) {
	var licence, notice []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		switch path := filepath.Join(dir, e.Name()); {
		case e.IsDir() || strings.HasSuffix(name, ".GO"):
		case strings.HasPrefix(name, "LICENSE") || strings.HasPrefix(name, "LICENCE") || strings.HasPrefix(name, "COPYING"):
			licence = append(licence, path)
		case strings.HasPrefix(name, "NOTICE") || strings.HasPrefix(name, "PATENTS"):
			notice = append(notice, path)
		}
	}
	if err == nil && len(licence) == 0 {
		err = fmt.Errorf("no licence file in %s", dir)
	}
	return append(licence, notice...), err
}
