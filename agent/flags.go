package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"iot-edge-anomaly/agent/config"
)

// This file prints help, and explains mistakes in verbs and flags.

// argsWidth is the column of the arguments in the list of verbs.
const argsWidth = 45

// usage lists the verbs.
func usage() string {
	var b strings.Builder
	fmt.Fprintf(&b, "iot-edge-anomaly %s: learns what is normal on a machine and tells when it is not\n\nusage: iot-edge-anomaly VERB [flags]\n", version)
	for _, v := range verbs() {
		if g := groups[v.name]; g != "" {
			b.WriteString("\n" + g + ":\n")
		}
		// Arguments that are too long for their column have the description below.
		if len(v.args) > argsWidth {
			fmt.Fprintf(&b, "  %-10s %s\n  %10s %-*s %s\n", v.name, v.args, "", argsWidth, "", v.what)
			continue
		}
		fmt.Fprintf(&b, "  %-10s %-*s %s\n", v.name, argsWidth, v.args, v.what)
	}
	b.WriteString("\niot-edge-anomaly VERB -h tells a verb's flags.\n")
	return b.String()
}

// otherWords are names that other programs give to our verbs.
var otherWords = map[string]string{"validate": "check", "test": "check", "learn": "train", "fit": "train", "eval": "score", "predict": "score",
	"detect": "score", "probe": "scan", "start": "run", "serve": "run"}

// likelyVerb suggests a verb for an unknown one.
func likelyVerb(word string) string {
	if ours := otherWords[word]; ours != "" {
		return fmt.Sprintf(": did you mean %q?", ours)
	}
	var names []string
	for _, v := range verbs() {
		if word != "" && (strings.HasPrefix(v.name, word) || strings.HasPrefix(word, v.name)) {
			return fmt.Sprintf(": did you mean %q?", v.name)
		}
		names = append(names, v.name)
	}
	if best := config.Nearest(word, names); best != "" {
		return fmt.Sprintf(": did you mean %q?", best)
	}
	return "; iot-edge-anomaly help lists them"
}

// flags makes a verb's set of flags, for parse.
func flags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {} // parse prints help, and only where it is asked for
	return fs
}

// help is what -h prints.
func help(fs *flag.FlagSet) string {
	var b strings.Builder
	for _, v := range verbs() {
		if v.name == fs.Name() {
			fmt.Fprintf(&b, "usage: iot-edge-anomaly %s %s\n%s\n\n", v.name, v.args, v.what)
		}
	}
	fs.VisitAll(func(f *flag.Flag) {
		kind, what := flag.UnquoteUsage(f)
		fmt.Fprintf(&b, "  --%s\n        %s", strings.TrimSpace(f.Name+" "+kind), what)
		switch f.DefValue {
		case "", "0", "0s", "false":
		default:
			fmt.Fprintf(&b, " (default %s)", f.DefValue)
		}
		b.WriteByte('\n')
	})
	return b.String()
}

// configFlag is --config of the verbs that work on the gateway's own configuration.
func configFlag(fs *flag.FlagSet) *string {
	return fs.String("config", defaultConfig, "configuration `FILE`")
}

// parse parses args and wants exactly so many positional ones.
func parse(e env, fs *flag.FlagSet, args []string, want int) error {
	return parseRange(e, fs, args, want, want)
}

// parseRange parses args and wants at least and at most so many positional ones.
func parseRange(e env, fs *flag.FlagSet, args []string, least, most int) error {
	// Positional arguments may stand before flags: check FILE --json.
	var positional []string
	for len(args) > 0 {
		if err := fs.Parse(args); err != nil {
			if !errors.Is(err, flag.ErrHelp) {
				return misused(fs, err)
			}
			if _, werr := io.WriteString(e.stdout, help(fs)); werr != nil {
				return werr
			}
			return err
		}
		if args = fs.Args(); len(args) > 0 {
			positional = append(positional, args[0])
			args = args[1:]
		}
	}
	switch n := len(positional); {
	case n > most:
		return usagef("unexpected argument %q", positional[most])
	case n < least:
		return usagef("%d more argument wanted", least-n)
	}
	return fs.Parse(append([]string{"--"}, positional...))
}

// misused is the error of package flag in our words, with the flag that was probably
// meant.
func misused(fs *flag.FlagSet, err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown { // with the dashes that everything else has
		return usagef("%s", strings.NewReplacer("for flag -", "for flag --", "argument: -", "argument: --").Replace(config.HideSecrets(err.Error())))
	}
	var names []string
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	if best := config.Nearest(name, names); best != "" {
		return usagef("unknown flag --%s: did you mean --%s?", name, best)
	}
	return usagef("unknown flag --%s; iot-edge-anomaly %s -h lists them", name, fs.Name())
}
