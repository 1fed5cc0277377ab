package commission

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"iot-edge-anomaly/drivers/shelf"
)

// The list has every template with its document; a name prints the template as it
// is.
func TestTemplates(t *testing.T) {
	var out strings.Builder
	if err := Templates(&out, "", false); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(shelf.Templates())+1 || !strings.Contains(out.String(), "SDM630-Modbus MID V2 user manual") {
		t.Errorf("the list:\n%s", &out)
	}
	out.Reset()
	if err := Templates(&out, "sdm630", false); err != nil || out.String() != shelf.Templates()["sdm630"] {
		t.Errorf("%v:\n%s", err, &out)
	}
	out.Reset()
	var list []templateJSON
	if err := Templates(&out, "", true); err != nil || json.Unmarshal([]byte(out.String()), &list) != nil || len(list) != len(shelf.Templates()) || len(list[0].Channels) == 0 {
		t.Errorf("as JSON: %v: %s", err, &out)
	}
	out.Reset()
	var one templateJSON
	if err := Templates(&out, "xy_md02", true); err != nil || json.Unmarshal([]byte(out.String()), &one) != nil || one.Text != shelf.Templates()["xy_md02"] {
		t.Errorf("one as JSON: %v: %s", err, &out)
	}
	if err := Templates(&out, "sdm603", false); !errors.Is(err, ErrNoTemplate) || !strings.HasSuffix(err.Error(), `did you mean "sdm630"?`) {
		t.Errorf("an unknown name: %v", err)
	}
}
