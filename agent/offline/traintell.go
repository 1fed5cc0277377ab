package offline

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"iot-edge-anomaly/model/train"
)

// Tell prints what was learnt and into which file it went.
func (t *Trained) Tell(w io.Writer, asJSON bool, out string) error {
	if asJSON {
		return json.NewEncoder(w).Encode(struct {
			Model   string `json:"model"`
			Version string `json:"version"`
			SHA256  string `json:"sha256"`
			train.Report
			Alarms alarms `json:"false_alarms"` // in place of the report's
		}{out, t.Model.Version(), t.Model.SHA256(), t.Report, alarms(t.Report.Alarms)})
	}
	_, err := fmt.Fprintf(w, "%s\nmodel %s, version %s, sha256 %s\n", strings.TrimRight(t.Report.String(), "\n"), out, t.Model.Version(), t.Model.SHA256())
	return err
}

// alarms is model.Alarms as JSON. An unknown rate is left out, because a script would
// read its 0 as a promise of no false alarms.
type alarms struct {
	Wanted float64 `json:"wanted"`
	Rate   float64 `json:"rate,omitzero"`
	Low    float64 `json:"low,omitzero"`
	High   float64 `json:"high,omitzero"`
	Beyond float64 `json:"beyond,omitzero"`
}
