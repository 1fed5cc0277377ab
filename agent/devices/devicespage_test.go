package devices

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/config"
)

const devicesPage = "../../docs/devices.md"

// TestDevicesPage holds docs/devices.md to the templates; -update writes the page.
func TestDevicesPage(t *testing.T) {
	head := handWritten(t, devicesPage)
	var b strings.Builder
	b.WriteString(head)
	b.WriteString("\n| key | what it is | type | default | example |\n|---|---|---|---|---|\n")
	for _, s := range config.TemplateSections() {
		for _, k := range s.Keys {
			byDefault := k.DefaultText()
			if k.Need {
				byDefault = "required"
			}
			path := k.Name
			if s.Path != "" {
				path = s.Path + "." + k.Name
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | `%s` |\n", path, k.Help, k.TypeText(), byDefault, k.ExampleText())
		}
	}
	fmt.Fprintf(&b, "\nKeys of a sensor: `%s`.\n", strings.Join(config.TemplateSensorKeys(), "`, `"))
	all := templates(t)
	b.WriteString("\n## Templates\n\n| name | maker | device | what | recognised by |\n|---|---|---|---|---|\n")
	for _, tmpl := range all {
		fmt.Fprintf(&b, "| [`%s`](#%[1]s) | %s | %s | %s | %s |\n", tmpl.Name, tmpl.Maker, tmpl.Device, tmpl.What, cmp.Or(tmpl.Identify.String(), "–"))
	}
	for _, tmpl := range all {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n%s\n\n| channel | register | type | unit |\n|---|---|---|---|\n", tmpl.Name, comment(tmpl.Text), source(tmpl))
		for _, r := range tmpl.Sensor.Registers {
			fmt.Fprintf(&b, "| %s | %s:%d | %s | %s |\n", r.Name, r.Table, r.At, strings.TrimSpace(r.Type+" "+strings.Replace(r.Order, "ABCD", "", 1)), r.UnitOf)
		}
	}
	golden(t, devicesPage, b.String())
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(head, -1) {
		if _, problems := config.Parse("devices.md", []byte(block[1]), Infos()); len(problems) > 0 {
			t.Errorf("%v\n%s", problems, block[1])
		}
	}
	if _, err := os.Stat(devicesPage); err != nil {
		t.Error(err)
	}
}

// comment is the comment at the head of a template, without its marks.
func comment(text string) string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "#") {
			break
		}
		lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
	}
	return strings.Join(lines, "\n")
}

// source says which document a template is from.
func source(tmpl *config.Template) string {
	text := "Document: " + tmpl.Document.String() + "."
	if tmpl.Line != "" {
		text += " Delivered with " + tmpl.Line + "."
	}
	return text
}
