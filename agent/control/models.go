package control

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"iot-edge-anomaly/agent/proof"
	"iot-edge-anomaly/agent/state"
)

// Model is the first line of the request model. What is installed follows as content.
type Model struct {
	Do         string  `json:"do"` // install, activate or rollback
	Machine    string  `json:"machine,omitempty"`
	Version    string  `json:"version,omitempty"`   // to activate
	File       string  `json:"file,omitempty"`      // its name, for the audit
	SHA256     string  `json:"sha256,omitempty"`    // that the file must have
	Signature  []byte  `json:"signature,omitempty"` // of minisign
	ProbationS float64 `json:"probation_s,omitempty"`
	Note       string  `json:"note,omitempty"`
}

// Taken is the answer to the request model.
type Taken struct {
	Machine string       `json:"machine"`
	Entry   state.Entry  `json:"entry"` // of the history
	Gates   []proof.Step `json:"gates"`
}

// Models is the answer to the verb models.
type Models struct {
	Machines []MachineModels `json:"machines"`
}

// MachineModels are the models of a machine.
type MachineModels struct {
	Machine  string          `json:"machine"`
	Folder   string          `json:"folder"`
	Versions []state.Version `json:"versions"`         // oldest first
	Trial    float64         `json:"probation_left_s"` // of the current one; 0 = it is not on probation
	History  []state.Entry   `json:"history"`          // oldest first
}

// Screen lists the models, for people.
func (l *Models) Screen() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MACHINE\tVERSION\tUSE\tORIGIN\tSHA256\tBYTES\tTROUBLE")
	for _, m := range l.Machines {
		if len(m.Versions) == 0 {
			fmt.Fprintf(w, "%s\t-\t-\t-\t-\t-\tthere is no model yet\n", m.Machine)
		}
		for _, v := range m.Versions {
			if v.Use == "current" && m.Trial > 0 {
				v.Use += fmt.Sprintf(", %.0f s of probation left", m.Trial)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.12s\t%d\t%s\n", m.Machine, v.Version, orDash(v.Use), v.Origin, orDash(v.SHA256), v.Bytes, oneLine(v.Error))
		}
	}
	w.Flush() // into memory
	for _, m := range l.Machines {
		for i, e := range m.History {
			if i == 0 {
				fmt.Fprintf(&b, "\n%s:\n", m.Machine)
			}
			b.WriteString(told(&e))
		}
	}
	return Plain(b.String())
}

// told is a change of the active model in one line.
func told(e *state.Entry) string {
	text := fmt.Sprintf("%s %s %s by %s", stamp(e.Time), e.Version, e.What, e.By)
	for _, t := range [...][2]string{{", before it ", e.From}, {"; probation: ", e.Outcome}, {": ", e.Why}, {": ", e.Note}} {
		if t[1] != "" {
			text += t[0] + t[1]
		}
	}
	return text + "\n"
}
