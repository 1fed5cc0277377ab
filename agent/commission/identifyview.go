package commission

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Print writes what a unit is and a configuration to begin with.
func (m *ModbusIdentity) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(m.json())
	}
	_, err := io.WriteString(w, m.text())
	return err
}

func (m *ModbusIdentity) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s unit %d\n%s in %s\n\n", m.URL, m.Unit, counted(m.requests, "request"), ms(m.took))
	if m.SaysNot == nil {
		says := named("vendor", m.Says.Vendor) + named("product", m.Says.Product) + named("revision", m.Says.Revision)
		fmt.Fprintf(&b, "identification (function 43/14): %s\n", strings.TrimPrefix(cmp.Or(says, ", answered with empty texts"), ", "))
	} else {
		fmt.Fprintf(&b, "identification (function 43/14): none: %v\n", cause(m.SaysNot))
	}
	if s := m.SunSpec; s == nil {
		fmt.Fprintf(&b, "SunSpec: none at holding:40000, holding:50000 or holding:0\n")
	} else {
		fmt.Fprintf(&b, "SunSpec at holding:%d: %q %q%s%s\n", s.Base, s.Maker, s.Model, named("version", s.Version), named("serial number", s.Serial))
		for _, model := range s.Models {
			fmt.Fprintf(&b, "  holding:%-5d  model %-5d %3d registers  %s\n", model.At, model.ID, model.Length, model.Name())
		}
		if m.MapEnds != nil {
			fmt.Fprintf(&b, "  the map ends early: %v\n", m.MapEnds)
		}
	}
	for _, f := range m.Fits {
		fmt.Fprintf(&b, "template %s: %s\n", f.Template.Name, f.Why)
	}
	if len(m.Fits) == 0 {
		fmt.Fprintf(&b, "no template fits. See what its registers hold:\n  iot-edge-anomaly scan modbus '%s' --unit %d --at holding:0 --count 100\n", m.URL, m.Unit)
		return b.String()
	}
	return b.String() + "\n" + m.yaml()
}

// yaml is a configuration to begin with; the less likely templates are commented out.
func (m *ModbusIdentity) yaml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# From templates, see docs/devices.md. Compare the first reading with the device's display.\nbuses:\n  line: {modbus: %q}\nsensors:\n", m.URL)
	for k, f := range m.Fits {
		fmt.Fprintf(&b, "  %s%s\n", map[bool]string{true: "# "}[k > 0], m.sensor(f, "line", f.Template.Name))
	}
	return b.String()
}

// sensor is the line of a sensor of a template that fits.
func (m *ModbusIdentity) sensor(f TemplateFit, bus, name string) string {
	at := ""
	if f.At >= 0 {
		at = fmt.Sprintf(", template_at: \"holding:%d\"", f.At)
	}
	return fmt.Sprintf("- {name: %s, template: %s%s, bus: %s, unit: %d}   # %s", name, f.Template.Name, at, bus, m.Unit, f.Why)
}

// named is a text with its name and a comma before it; nothing if it is empty.
func named(name, text string) string {
	if text = strings.TrimSpace(text); text == "" {
		return ""
	}
	return fmt.Sprintf(", %s %q", name, text)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// The JSON form of an identification.
type (
	identityJSON struct {
		URL       string        `json:"url"`
		Unit      uint8         `json:"unit"`
		Vendor    string        `json:"vendor"`
		Product   string        `json:"product"`
		Revision  string        `json:"revision"`
		Error     string        `json:"identification_error,omitempty"`
		SunSpec   *sunspecJSON  `json:"sunspec"` // null = none
		Templates []templateFit `json:"templates"`
		Requests  int           `json:"requests"`
		MS        float64       `json:"ms"`
		YAML      string        `json:"yaml"`
	}
	sunspecJSON struct {
		Base    int         `json:"base"`
		Maker   string      `json:"maker"`
		Model   string      `json:"model"`
		Version string      `json:"version"`
		Serial  string      `json:"serial"`
		Models  []modelJSON `json:"models"`
		Error   string      `json:"error,omitempty"`
	}
	modelJSON struct {
		ID     int    `json:"id"`
		At     int    `json:"at"`
		Length int    `json:"length"`
		Name   string `json:"name,omitempty"`
	}
	templateFit struct {
		Name string `json:"name"`
		At   *int   `json:"template_at,omitempty"`
		Why  string `json:"why"`
	}
)

func (m *ModbusIdentity) json() identityJSON {
	out := identityJSON{URL: m.URL, Unit: m.Unit, Vendor: m.Says.Vendor, Product: m.Says.Product, Revision: m.Says.Revision,
		Templates: []templateFit{}, Requests: m.requests, MS: float64(m.took.Microseconds()) / 1000}
	if m.SaysNot != nil {
		out.Error = m.SaysNot.Error()
	}
	if s := m.SunSpec; s != nil {
		out.SunSpec = &sunspecJSON{Base: s.Base, Maker: s.Maker, Model: s.Model, Version: s.Version, Serial: s.Serial, Models: []modelJSON{}}
		for _, model := range s.Models {
			out.SunSpec.Models = append(out.SunSpec.Models, modelJSON{model.ID, model.At, model.Length, model.Name()})
		}
		if m.MapEnds != nil {
			out.SunSpec.Error = m.MapEnds.Error()
		}
	}
	for _, f := range m.Fits {
		fit := templateFit{Name: f.Template.Name, Why: f.Why}
		if f.At >= 0 {
			fit.At = &f.At
		}
		out.Templates = append(out.Templates, fit)
	}
	if len(m.Fits) > 0 {
		out.YAML = m.yaml()
	}
	return out
}
