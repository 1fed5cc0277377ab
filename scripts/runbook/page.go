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

// parse reads a page. What it cannot tell is a fault, so that no command is left out.
func parse(text string) (p page, faults []string) {
	section, scene := "", usual
	type mention struct {
		line int
		text string
	}
	var mentions []mention
	fault := func(line int, format string, a ...any) {
		faults = append(faults, fmt.Sprintf("line %d: %s", line, fmt.Sprintf(format, a...)))
	}
	lines := strings.Split(strings.ToValidUTF8(text, "?"), "\n")
	var block *command // whose outcome the lines are
	inBlock := false
	for i, l := range lines {
		n := i + 1
		trimmed := strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(l, "```"):
			fault(n, "a fenced block: indent it instead")
		case strings.HasPrefix(l, "#"):
			section, scene, inBlock, block = strings.TrimLeft(l, "# "), usual, false, nil
			p.headings = append(p.headings, l)
		case sceneIs.MatchString(trimmed):
			scene, inBlock = sceneIs.FindStringSubmatch(trimmed)[1], false
		case trimmed == "":
			inBlock = false
		case strings.HasPrefix(l, "    ") && (inBlock || i == 0 || strings.TrimSpace(lines[i-1]) == ""):
			if !inBlock {
				block = nil
			}
			inBlock = true
			if c, ok := strings.CutPrefix(trimmed, "$ "); ok {
				p.commands = append(p.commands, command{line: n, section: section, scene: scene, text: c, prints: []string{}})
				block = &p.commands[len(p.commands)-1]
			} else if block == nil {
				fault(n, "a block that does not begin with a command after $: %s", trimmed)
			} else if trimmed == "^C" {
				block.interrupted = true
			} else if m := exitIs.FindStringSubmatch(trimmed); m != nil && m[0] == trimmed {
				block.code, _ = strconv.Atoi(m[1])
			} else {
				block.prints = append(block.prints, trimmed)
			}
		default:
			inBlock = false
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
						fault(n, "is `%s` a command? Name the program in programs, or the text in notCommands", s)
					}
					continue
				}
				c := command{line: n, section: section, scene: scene, text: s}
				for sep := " → "; k+1 < len(all) && between(k) == sep; sep = ", " {
					k++
					c.contains = append(c.contains, l[all[k][2]:all[k][3]])
				}
				m := atFront.FindStringSubmatch(between(k))
				if m != nil {
					c.code, _ = strconv.Atoi(m[1])
				}
				if c.contains == nil && m == nil {
					mentions = append(mentions, mention{n, s})
					continue
				}
				p.commands = append(p.commands, c)
			}
		}
	}
	for _, m := range mentions {
		if elsewhere[m.text] == "" && !slices.ContainsFunc(p.commands, func(c command) bool { return c.text == m.text }) {
			fault(m.line, "the outcome of `%s` is nowhere on the page", m.text)
		}
	}
	return p, faults
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
