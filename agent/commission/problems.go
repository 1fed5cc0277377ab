package commission

import (
	"encoding/json"
	"fmt"
	"io"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
)

// TellProblems prints what was found in a configuration, and what it has where it can
// be used; c is nil where it cannot.
func TellProblems(w io.Writer, asJSON bool, path string, c *config.Config, problems config.Problems) error {
	if asJSON {
		if problems == nil {
			problems = config.Problems{}
		}
		return json.NewEncoder(w).Encode(problems)
	}
	text := ""
	if len(problems) > 0 {
		text = problems.Error() + "\n"
	}
	if c != nil {
		text += fmt.Sprintf("%s: good: %s\n", path, summary(c))
		for _, w := range devices.Writes(c) {
			text += fmt.Sprintf("%s: %s\n", path, w)
		}
	}
	_, err := io.WriteString(w, text)
	return err
}

func summary(c *config.Config) string {
	channels := 0
	for _, m := range c.Machines {
		channels += len(m.Resolved)
	}
	return fmt.Sprintf("%s, %s, %s with %s", Plural(len(c.Buses), "bus", "buses"), Plural(len(c.Sensors), "sensor", "sensors"),
		Plural(len(c.Machines), "machine", "machines"), Plural(channels, "channel", "channels"))
}

// Plural is a number with what it counts, for people.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
