// Command runbook runs every command of docs/runbook.md on this gateway and compares what
// it does with what the page says. scripts/systemd.sh starts it inside a container with a
// real systemd; the tests run the part that needs none. It breaks and mends the service
// that is installed, so run it nowhere else.
//
//	runbook PAGE
//
// # The form of the page
//
// A command stands in a code block after "$ "; the lines after it are all that it prints,
// where "..." stands for any text and, on a line of its own, for any lines. "(exit 1)" on
// the last line is the exit code, 0 if there is none; "^C" on the last line interrupts a
// command that would go on. In a sentence a command is a code span, and "→" with code
// spans after it is what it prints among other things. A span without an arrow must be a
// command that has its outcome elsewhere on the page.
//
// <!-- scene NAME --> says in which state the gateway is from there to the next heading.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: runbook PAGE")
		os.Exit(2)
	}
	if err := onSystemd(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "runbook:", err)
		os.Exit(1)
	}
}

// onSystemd runs all commands of a page, scene by scene.
func onSystemd(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	p, faults := parse(string(text))
	for _, f := range faults {
		fmt.Println(f)
	}
	failed, ran := len(faults), 0
	for _, name := range p.scenes() {
		g, err := enter(name)
		if err != nil {
			return fmt.Errorf("scene %q: %w", name, err)
		}
		for _, c := range p.of(name) {
			if reason := elsewhere[c.text]; reason != "" {
				fmt.Printf("-     %s: %s\n", c.text, reason)
				continue
			}
			ran++
			if err := c.run(g); err != nil {
				failed++
				fmt.Printf("FAIL  line %d, %s (%s): %s\n%v\n", c.line, c.section, c.scene, c.text, err)
				continue
			}
			fmt.Printf("ok    %s\n", c.text)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d commands do not do what the page says", failed, ran)
	}
	fmt.Printf("%d commands do what the page says\n", ran)
	return nil
}
