package main

import (
	"fmt"
	"strings"
)

// completion is a function for bash, which zsh takes with bashcompinit: the verbs, then
// the words and flags of a verb, and file names where it takes a file.
func (p program) completion() string {
	var b strings.Builder
	var names []string
	for _, v := range p.verbs {
		names = append(names, v.name)
	}
	fmt.Fprintf(&b, `# completion of %[1]s for bash, written by scripts/manual
_iot_edge_anomaly() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words="" flags="" files=""
	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "%[2]s help" -- "$word")
		return
	fi
	case ${COMP_WORDS[1]} in
	help) words="%[2]s" ;;
`, name, strings.Join(names, " "))
	for _, v := range p.verbs {
		var flags, files, values []string
		for _, o := range v.flags {
			f := "--" + o.name
			flags = append(flags, f)
			switch {
			case o.value == "":
			case takesFile(o.value):
				files = append(files, f)
			default:
				values = append(values, f)
			}
		}
		fmt.Fprintf(&b, "\t%s)\n\t\twords=\"%s\" flags=\"%s\"\n", v.name, strings.Join(v.words(), " "), strings.Join(flags, " "))
		if len(values) > 0 {
			fmt.Fprintf(&b, "\t\tcase $before in %s) return ;; esac\n", strings.Join(values, " | "))
		}
		if len(files) > 0 {
			fmt.Fprintf(&b, "\t\tcase $before in %s) flags=\"\" words=\"\" files=yes ;; esac\n", strings.Join(files, " | "))
		}
		if strings.HasPrefix(v.args, "[FILE") || strings.HasPrefix(v.args, "apply FILE") {
			b.WriteString("\t\tfiles=yes\n")
		}
		b.WriteString("\t\t;;\n")
	}
	b.WriteString(`	esac
	[ "$COMP_CWORD" = 2 ] || words=""
	case $word in
	-*) mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$word") ;;
	*)
		[ -z "$words" ] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
		if [ -z "$words" ] && [ -n "$files" ]; then
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
		elif [ -z "$words" ] && [ -z "$word" ]; then
			mapfile -t COMPREPLY < <(compgen -W "$flags")
		fi
		;;
	esac
}
complete -F _iot_edge_anomaly iot-edge-anomaly
`)
	return b.String()
}

// takesFile says whether a flag's value is the name of a file.
func takesFile(value string) bool {
	return strings.HasPrefix(value, "FILE") || value == "MODEL"
}
