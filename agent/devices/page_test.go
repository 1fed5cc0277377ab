package devices

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/config"
)

const page = "../../docs/configuration.md"

// handWritten is what a page has before what is generated.
func handWritten(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	mark := regexp.MustCompile(`(?m)^<!-- Everything below .*-->\n`).FindIndex(text)
	if mark == nil {
		t.Fatal("the page does not say where the tables begin")
	}
	return string(text[:mark[1]])
}

// TestConfigurationPage holds docs/configuration.md to the table of keys; -update
// writes the page.
func TestConfigurationPage(t *testing.T) {
	var b strings.Builder
	b.WriteString(handWritten(t, page))
	b.WriteString("\n## How values are written\n\n| type | how it is written |\n|---|---|\n")
	for _, k := range config.Kinds() {
		fmt.Fprintf(&b, "| %s | %s |\n", k.Kind, k.How)
	}
	b.WriteString("\n## Keys\n\nEvery key is there since version 0.1.0, unless its row says otherwise.\n")
	for _, s := range config.Sections(Infos()) {
		title := "The file"
		if s.Path != "" {
			title = "`" + s.Path + "`"
		}
		if s.Of != "" {
			title += " of " + s.Of
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s\n", title, s.Help)
		if len(s.Also) > 0 {
			fmt.Fprintf(&b, "\nThe same keys are at `%s`.\n", strings.Join(s.Also, "` and `"))
		}
		b.WriteString("\n| key | what it is | type | bounds | default | example |\n|---|---|---|---|---|---|\n")
		for _, k := range s.Keys {
			b.WriteString(tableRow(k))
		}
	}
	golden(t, page, b.String())
}

func tableRow(k config.Key) string {
	what := k.Help
	if only := k.ForText(); only != "" {
		what += " Only for " + only + "."
	}
	if k.NotYet != "" {
		what += " **Not yet in effect:** " + k.NotYet + "."
	}
	if k.Since != "0.1.0" {
		what += " Since " + k.Since + "."
	}
	bounds := k.Bounds()
	if k.Unit != "" {
		bounds = strings.TrimSpace(bounds + " " + k.Unit)
	}
	byDefault := k.DefaultText()
	switch {
	case k.Need:
		byDefault = "required"
	case byDefault == k.Default && byDefault != "":
		byDefault = "`" + byDefault + "`"
	}
	return strings.ReplaceAll(fmt.Sprintf("| `%s` | %s | %s | %s | %s | `%s` |", k.Name, what, k.TypeText(), bounds, byDefault, k.ExampleText()), "  ", " ") + "\n"
}

// TestConfigurationExample holds that the example on the page is a configuration
// of which not even a warning is given, and that it shows every key.
func TestConfigurationExample(t *testing.T) {
	text := handWritten(t, page)
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(text)
	if block == nil {
		t.Fatal("nothing to copy")
	}
	c, problems := config.Parse("configuration.md", []byte(block[1]), Infos())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, p := range append(LineLoad("configuration.md", c), LongWaits("configuration.md", c)...) {
		t.Error(p)
	}
	for _, k := range config.Keys(nil) {
		if k.NotYet == "" && k.Path != "trust" && k.Path != "metrics" && !regexp.MustCompile(`\b`+k.Name+`[:=]`).MatchString(block[1]) {
			t.Errorf("the example does not show %s", k.Path)
		}
	}
}
