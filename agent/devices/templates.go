package devices

import (
	"maps"
	"slices"

	"iot-edge-anomaly/agent/config"
)

// Templates are the templates of this binary, by name. An error names each problem
// of a template, which a test of this package rules out.
func Templates() (out []*config.Template, err error) {
	infos := Infos()
	for _, info := range infos {
		for _, name := range slices.Sorted(maps.Keys(info.Templates)) {
			t, problems := config.ParseTemplate(name, "template "+name, []byte(info.Templates[name]), infos)
			if err := problems.Err(); err != nil {
				return nil, err
			}
			out = append(out, t)
		}
	}
	return out, nil
}
