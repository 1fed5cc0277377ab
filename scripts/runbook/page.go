package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// command is a command of the page, and what it does.
type command struct {
	line           int
	section, scene string
	text           string
	prints         []string // all that it prints, line by line; nil = a span
	contains       []string // of a span: what it prints among other things
	code           int
	interrupted    bool
}

type page struct {
	commands []command
	headings []string
}

const usual = "well" // the scene of a section that names none

// programs are those that a span may begin with.
var programs = strings.Fields("iot-edge-anomaly systemctl journalctl curl df du free top ss dmesg ip timedatectl vcgencmd cat cp mv rm tar sha256sum apt-get apt dpkg grep tail usermod reboot nmcli mosquitto_sub mosquitto_pub")

var (
	span     = regexp.MustCompile("`([^`]+)`")
	sceneIs  = regexp.MustCompile(`^<!-- scene (.+) -->$`)
	exitIs   = regexp.MustCompile(`\(exit (\d+)\)`)
	atFront  = regexp.MustCompile(`^ ?\(exit (\d+)\)`)
	someWord = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)
)

// reader is how far parse has come.
type reader struct {
	page
	faults   []string
	section  string
	scene    string
	mentions []command // inline commands without an outcome
}

func (r *reader) fault(line int, format string, a ...any) {
	r.faults = append(r.faults, fmt.Sprintf("line %d: %s", line, fmt.Sprintf(format, a...)))
}

func (r *reader) command(line int, text string) command {
	return command{line: line, section: r.section, scene: r.scene, text: text}
}

// parse reads a page. What it cannot tell is a fault, so that no command is left out.
func parse(text string) (page, []string) {
	r := reader{scene: usual}
	lines := strings.Split(strings.ToValidUTF8(text, "?"), "\n")
	var block *command // whose outcome the lines are
	inBlock := false
	for i, l := range lines {
		n, trimmed := i+1, strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(l, "```"):
			r.fault(n, "a fenced block: indent it instead")
		case strings.HasPrefix(l, "#"):
			r.section, r.scene, inBlock = strings.TrimLeft(l, "# "), usual, false
			r.headings = append(r.headings, l)
		case sceneIs.MatchString(trimmed):
			r.scene, inBlock = sceneIs.FindStringSubmatch(trimmed)[1], false
		case trimmed == "":
			inBlock = false
		case strings.HasPrefix(l, "    ") && (inBlock || i == 0 || strings.TrimSpace(lines[i-1]) == ""):
			if !inBlock {
				block = nil
			}
			inBlock = true
			block = r.inBlock(n, trimmed, block)
		default:
			inBlock = false
			r.inText(n, l)
		}
	}
	for _, m := range r.mentions {
		if elsewhere[m.text] == "" && !slices.ContainsFunc(r.commands, func(c command) bool { return c.text == m.text }) {
			r.fault(m.line, "the outcome of `%s` is nowhere on the page", m.text)
		}
	}
	return r.page, r.faults
}

// inBlock takes a line of an indented block: a command, or what the command before does.
// It returns the command that the next line belongs to.
func (r *reader) inBlock(line int, text string, block *command) *command {
	if c, ok := strings.CutPrefix(text, "$ "); ok {
		c := r.command(line, c)
		c.prints = []string{}
		r.commands = append(r.commands, c)
		return &r.commands[len(r.commands)-1]
	}
	m := exitIs.FindStringSubmatch(text)
	switch {
	case block == nil:
		r.fault(line, "a block that does not begin with a command after $: %s", text)
	case text == "^C":
		block.interrupted = true
	case m != nil && m[0] == text:
		block.code, _ = strconv.Atoi(m[1])
	default:
		block.prints = append(block.prints, text)
	}
	return block
}

// inText takes a line of text: its commands are those between backticks.
func (r *reader) inText(line int, l string) {
	all := span.FindAllStringSubmatchIndex(l, -1)
	between := func(k int) string { // the text after span k
		if k+1 < len(all) {
			return l[all[k][1]:all[k+1][0]]
		}
		return l[all[k][1]:]
	}
	for k := 0; k < len(all); k++ {
		s := l[all[k][2]:all[k][3]]
		first, rest, _ := strings.Cut(s, " ")
		if !slices.Contains(programs, first) {
			if rest != "" && someWord.MatchString(first) && !slices.Contains(notCommands, s) {
				r.fault(line, "is `%s` a command? Name the program in programs, or the text in notCommands", s)
			}
			continue
		}
		c := r.command(line, s)
		for sep := " → "; k+1 < len(all) && between(k) == sep; sep = ", " {
			k++
			c.contains = append(c.contains, l[all[k][2]:all[k][3]])
		}
		m := atFront.FindStringSubmatch(between(k))
		if m != nil {
			c.code, _ = strconv.Atoi(m[1])
		}
		if c.contains == nil && m == nil {
			r.mentions = append(r.mentions, c)
			continue
		}
		r.commands = append(r.commands, c)
	}
}

// scenes are the scenes of the page, each once.
func (p *page) scenes() (out []string) {
	for _, c := range p.commands {
		if !slices.Contains(out, c.scene) {
			out = append(out, c.scene)
		}
	}
	return out
}

// of are the commands of a scene.
func (p *page) of(scene string) (out []command) {
	for _, c := range p.commands {
		if c.scene == scene {
			out = append(out, c)
		}
	}
	return out
}
