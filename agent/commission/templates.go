package commission

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
)

// ErrNoTemplate means that the program has no template of this name.
var ErrNoTemplate = errors.New("no such template")

// templateJSON is a template as the list has it.
type templateJSON struct {
	Name     string   `json:"name"`
	Maker    string   `json:"maker"`
	Device   string   `json:"device"`
	What     string   `json:"what"`
	Document string   `json:"document"`
	Channels []string `json:"channels"`
	Text     string   `json:"text,omitempty"` // of the template that is asked for
}

// Templates lists the templates of the program; with a name it prints that one as it
// is in the program.
func Templates(w io.Writer, name string, asJSON bool) error {
	all, err := devices.Templates()
	if err != nil {
		return err
	}
	if name != "" {
		i := slices.IndexFunc(all, func(t *config.Template) bool { return t.Name == name })
		if i < 0 {
			return fmt.Errorf("%w: %s%s", ErrNoTemplate, name, nearTemplate(name, all))
		}
		if asJSON {
			out := listed(all[i])
			out.Text = all[i].Text
			return json.NewEncoder(w).Encode(out)
		}
		_, err := io.WriteString(w, all[i].Text)
		return err
	}
	list := make([]templateJSON, len(all))
	for i, t := range all {
		list[i] = listed(t)
	}
	if asJSON {
		return json.NewEncoder(w).Encode(list)
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "NAME\tMAKER\tDEVICE\tWHAT\tDOCUMENT")
	for _, t := range list {
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\n", t.Name, t.Maker, t.Device, t.What, t.Document)
	}
	return tab.Flush()
}

func listed(t *config.Template) templateJSON {
	out := templateJSON{Name: t.Name, Maker: t.Maker, Device: t.Device, What: t.What, Document: t.Document.String(), Channels: []string{}}
	for _, r := range t.Sensor.Registers {
		out.Channels = append(out.Channels, r.Name)
	}
	return out
}

func nearTemplate(name string, all []*config.Template) string {
	var names []string
	for _, t := range all {
		names = append(names, t.Name)
	}
	if near := config.Nearest(name, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}
