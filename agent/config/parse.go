package config

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the configuration file in bytes.
const maxFile = 1 << 20

// Load reads the configuration file at path and checks it against the given
// drivers. If the file can be read but not used, the error is Problems with every
// fault; if it cannot be read, it wraps the operating system's error. Warnings are
// in the result.
func Load(path string, drivers map[string]DriverInfo) (*Config, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe without a writer would block for ever
	if err != nil {
		return nil, fmt.Errorf("opening configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading configuration %s: %w", path, err)
	}
	cfg, problems := Parse(path, data, drivers)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	cfg.SHA256 = fmt.Sprintf("%x", sha256.Sum256(data))
	return cfg, nil
}

// Parse checks a configuration and fills in its defaults. name is the file's path:
// every problem begins with it, and relative paths in the file start in its folder.
// The configuration is nil if a problem is an error. Parse opens no file, apart
// from those that DriverInfo.List reads and the templates in the folder that the
// configuration names.
func Parse(name string, data []byte, drivers map[string]DriverInfo) (*Config, Problems) {
	p := &parser{file: name, drivers: drivers, most: maxFile, what: "configuration"}
	root := p.syntax(data)
	if root == nil {
		return nil, p.problems
	}
	cfg := &Config{}
	p.cfg = cfg
	rootKeys.read(p.value(root, ""), cfg)
	p.problems.sort()
	if p.problems.Err() != nil {
		return nil, p.problems
	}
	cfg.Warnings = p.problems
	return cfg, p.problems
}

// at reports a fault of the file as a whole.
func (p *parser) at(line, column int, hint, format string, args ...any) *yaml.Node {
	v := value{p: p, pos: Pos{line, column}}
	v.fail(hint, format, args...)
	return nil
}

// syntax returns the root of the only document in data. It is nil if there is none,
// which has then been reported.
func (p *parser) syntax(data []byte) *yaml.Node {
	if len(data) > p.most {
		return p.at(1, 1, "is this the "+p.what+"?", "the file is larger than %s", sizeText(p.most))
	}
	if line, column, ok := badUTF8(data); ok {
		return p.at(line, column, "save the file as UTF-8", "the file is not UTF-8")
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF) && len(bytes.TrimSpace(data)) > 0: // nothing but comments
		return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: 1, Column: 1}
	case errors.Is(err, io.EOF):
		return p.at(1, 1, "write it anew, or restore it; comments alone configure nothing", "the file is empty")
	case err != nil:
		return p.syntaxError(data, err)
	}
	var second yaml.Node
	switch err := dec.Decode(&second); {
	case err == nil:
		return p.at(max(second.Line, 1), max(second.Column, 1), "remove the --- line", "the file holds a second document")
	case !errors.Is(err, io.EOF):
		return p.syntaxError(data, err)
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return p.at(1, 1, "write it anew, or restore it; comments alone configure nothing", "the file is empty")
	}
	return root
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// reserved finds a value that begins with a character that YAML reserves.
var reserved = regexp.MustCompile(`[:\-,\[{] *([%@` + "`" + `][^\s,}\]]*)`)

// syntaxError reports the YAML library's error at its place. The library gives only
// a line, so the column is that of the line's first character.
func (p *parser) syntaxError(data []byte, err error) *yaml.Node {
	line, message := 1, err.Error()
	if m := yamlLine.FindStringSubmatch(strings.ReplaceAll(message, "\n", " ")); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = max(n, 1)
		}
		message = m[2]
		if strings.HasPrefix(message, "unknown anchor") { // it names it, and a password may begin with a star
			message = "a value that begins with * and is not an alias"
		}
	}
	lines := strings.Split(string(data), "\n")
	for i, text := range lines {
		if indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]; strings.Contains(indent, "\t") {
			return p.at(i+1, strings.IndexByte(indent, '\t')+1, "indent with spaces", "a tab in the indentation")
		}
	}
	line = min(line, len(lines))
	if strings.Contains(message, "cannot start any token") {
		// The library names the line of what it was reading, not that of the character.
		for i := line - 1; i < len(lines); i++ {
			if at := reserved.FindStringSubmatchIndex(lines[i]); at != nil {
				return p.at(i+1, at[2]+1, "write it in quotes", "a value cannot begin with %s", lines[i][at[2]:at[2]+1])
			}
		}
	}
	column := len(lines[line-1]) - len(strings.TrimLeft(lines[line-1], " ")) + 1
	return p.at(line, column, "look at this line and the one before", "not valid YAML: %s", message)
}

// sizeText is a number of bytes in whole KiB or MiB.
func sizeText(n int) string {
	if n%(1<<20) == 0 {
		return strconv.Itoa(n>>20) + " MiB"
	}
	return strconv.Itoa(n>>10) + " KiB"
}

// badUTF8 finds the first byte that is not UTF-8.
func badUTF8(data []byte) (line, column int, found bool) {
	line, column = 1, 1
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && n == 1, r == 0:
			return line, column, true
		case r == '\n':
			line, column = line+1, 1
		default:
			column++
		}
		data = data[n:]
	}
	return 0, 0, false
}
