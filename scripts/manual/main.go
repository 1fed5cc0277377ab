// Command manual writes the man page and the shell completion from what the program
// itself prints for -h, so that they cannot say something else:
//
//	go run ./scripts/manual -date 1767225600 man ./iot-edge-anomaly > iot-edge-anomaly.1
//	go run ./scripts/manual bash ./iot-edge-anomaly > completions/iot-edge-anomaly
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

const name = "iot-edge-anomaly"

// verb is what the program says of one of its verbs.
type verb struct {
	name, args, what string
	flags            []option
}

// option is a flag: its value is named in capitals or by its kind, or "".
type option struct{ name, value, what string }

// program is what the program says of itself.
type program struct {
	version, what string
	verbs         []verb
}

func main() {
	date := flag.Int64("date", 0, "date of the page, in seconds since 1970")
	flag.Parse()
	err := write(flag.Arg(0), flag.Arg(1), time.Unix(*date, 0).UTC())
	if err != nil {
		fmt.Fprintln(os.Stderr, "scripts/manual:", err)
		os.Exit(1)
	}
}

func write(kind, binary string, date time.Time) error {
	p, err := ask(binary)
	if err != nil {
		return err
	}
	text := ""
	switch kind {
	case "man":
		text = p.page(date)
	case "bash":
		text = p.completion()
	default:
		return fmt.Errorf("%q: want man or bash", kind)
	}
	_, err = os.Stdout.WriteString(text)
	return err
}

// ask calls the program for its list of verbs, then for each of them.
func ask(binary string) (program, error) {
	out, err := exec.Command(binary, "help").Output()
	if err != nil {
		return program{}, fmt.Errorf("%s help: %w", binary, err)
	}
	p, err := parseList(string(out))
	for i := range p.verbs {
		v := &p.verbs[i]
		if out, err = exec.Command(binary, v.name, "-h").Output(); err != nil {
			return p, fmt.Errorf("%s %s -h: %w", binary, v.name, err)
		}
		if err = v.parse(string(out)); err != nil {
			return p, err
		}
	}
	return p, err
}

// parseList reads "help": a heading, and a line with two spaces before each verb.
func parseList(text string) (program, error) {
	first, rest, _ := strings.Cut(text, "\n")
	title, what, ok := strings.Cut(strings.TrimPrefix(first, name+" "), ": ")
	p := program{version: title, what: what}
	for line := range strings.Lines(rest) {
		if f := strings.Fields(line); strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "   ") && len(f) > 1 {
			p.verbs = append(p.verbs, verb{name: f[0]})
		}
	}
	if !ok || len(p.verbs) == 0 {
		return p, fmt.Errorf("help has no verbs: %.200q", text)
	}
	return p, nil
}

// parse reads "VERB -h": usage, one sentence, then each flag with its text below.
func (v *verb) parse(text string) error {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	args, ok := strings.CutPrefix(lines[0], "usage: "+name+" "+v.name+" ")
	if !ok || len(lines) < 2 {
		return fmt.Errorf("%s -h has another form: %.200q", v.name, text)
	}
	v.args, v.what = args, lines[1]
	for _, line := range lines[2:] {
		if f, ok := strings.CutPrefix(line, "  --"); ok {
			n, value, _ := strings.Cut(f, " ")
			v.flags = append(v.flags, option{name: n, value: value})
		} else if line = strings.TrimSpace(line); line != "" {
			if len(v.flags) == 0 {
				return fmt.Errorf("%s -h: text before the first flag: %q", v.name, line)
			}
			o := &v.flags[len(v.flags)-1]
			o.what = strings.TrimSpace(o.what + " " + line)
		}
	}
	return nil
}

// words are what may follow the verb at once, such as list and ack of event.
func (v *verb) words() (out []string) {
	for _, a := range strings.Split(v.args, " | ") {
		w, _, _ := strings.Cut(a, " ")
		if w != "" && !slices.Contains(out, w) && strings.Trim(w, "abcdefghijklmnopqrstuvwxyz0123456789") == "" {
			out = append(out, w)
		}
	}
	return out
}
