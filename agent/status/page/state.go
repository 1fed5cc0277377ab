package page

import (
	"encoding/json"
	"math"
	"net/http"
	"time"
)

// State is what the page shows, the answer of GET /api/v1/state. Pointers are
// null where the value is not known; no field is ever NaN.
type State struct {
	Device      string    `json:"device"`
	Site        string    `json:"site"`
	Version     string    `json:"version"`
	Health      string    `json:"health"`       // healthy, degraded or unhealthy
	Time        time.Time `json:"time"`         // of this answer, by the gateway's clock
	TimeQuality string    `json:"time_quality"` // synced, unset or unknown
	UptimeS     float64   `json:"uptime_s"`
	Broker      *Broker   `json:"broker"` // null: none configured
	Spool       *Spool    `json:"spool"`  // null: none configured
	Machines    []Machine `json:"machines"`
}

// Broker is the connection to the MQTT broker.
type Broker struct {
	URL       string     `json:"url"` // without user and password
	Connected bool       `json:"connected"`
	Since     *time.Time `json:"since"` // when it last connected or was lost
	Error     string     `json:"error,omitempty"`
}

// Spool is the durable queue in front of the broker.
type Spool struct {
	Messages int64 `json:"messages"` // waiting
	Bytes    int64 `json:"bytes"`
	MaxBytes int64 `json:"max_bytes"`
	Dropped  int64 `json:"dropped"` // since the start, for want of room
}

// Machine is one machine and the newest values of its channels.
type Machine struct {
	Name       string    `json:"name"`
	State      string    `json:"state"`      // learning, idle, normal, anomaly or blind
	Score      *float64  `json:"score"`      // 1.0 = threshold; null while there is none
	Percentile *float64  `json:"percentile"` // of the scores of learning that stayed below it; null: unknown
	Drift      *float64  `json:"drift"`      // 0 to 1, 0.7 = it has drifted from what was learnt; null: unknown
	Model      string    `json:"model"`      // the active version; empty: none
	Learning   *Learning `json:"learning"`   // null: not learning
	Muted      *Mute     `json:"muted,omitempty"`
	Events     []Event   `json:"events"` // open ones, oldest first
	Channels   []Channel `json:"channels"`
}

// Mute is somebody's wish that a machine is not told of.
type Mute struct {
	Until time.Time `json:"until"`
	By    string    `json:"by"`
	Note  string    `json:"note,omitempty"`
}

// Learning is how far the learning has come.
type Learning struct {
	Phase    string   `json:"phase"`    // collecting, waiting or training
	Progress float64  `json:"progress"` // of the whole, 0..1
	LeftS    *float64 `json:"left_s"`   // seconds to go
	Rows     int64    `json:"rows"`     // good rows so far
	Want     int64    `json:"want"`     // rows it learns from
}

// Event is an open event.
type Event struct {
	ID         string    `json:"event"`
	Kind       string    `json:"kind"`
	Severity   string    `json:"severity"` // warning, high or critical
	Since      time.Time `json:"since"`
	Score      *float64  `json:"score"`
	Peak       *float64  `json:"peak"`
	Percentile *float64  `json:"percentile"`       // of the scores of learning that stayed below Score; null: unknown
	Detail     string    `json:"detail,omitempty"` // what is wrong, for people
	Causes     []Cause   `json:"causes"`           // worst first
	Ack        *Ack      `json:"acknowledged,omitempty"`
}

// Ack is who has acknowledged an event.
type Ack struct {
	Time time.Time `json:"time"` // zero = unknown
	By   string    `json:"by"`
	Note string    `json:"note,omitempty"`
}

// Cause is one channel's part in an event.
type Cause struct {
	Channel   string   `json:"channel"`
	Unit      string   `json:"unit"`
	Share     *float64 `json:"share"` // 0..1
	Value     *float64 `json:"value"`
	Expected  *float64 `json:"expected"`        // null: unknown, or a limit event
	Limit     *float64 `json:"limit,omitempty"` // of a limit event: the limit that is exceeded
	Direction string   `json:"direction"`       // above, below or empty
}

// Channel is the newest value of one channel of a machine.
type Channel struct {
	Name    string   `json:"name"` // "pump.current"
	Unit    string   `json:"unit"`
	Value   *float64 `json:"value"`           // as read, whatever its quality; null: stale or missing
	Quality string   `json:"quality"`         // good, suspect, bad, stale or missing
	AgeS    *float64 `json:"age_s"`           // since it was measured; null: never
	Error   string   `json:"error,omitempty"` // why it is not good
	Drift   *Drift   `json:"drift"`           // null: nothing is known of it
}

// Drift compares a channel's last rows with the learning rows.
type Drift struct {
	Score  *float64 `json:"score"` // 0 to 1, 0.7 = drifted; null: too few values to say
	Now    Band     `json:"now"`
	Learnt Band     `json:"learnt"`
}

// Band holds three quantiles of a channel's values in its unit; null: no value.
type Band struct {
	Low    *float64 `json:"p5"` // 5 % are below
	Median *float64 `json:"p50"`
	High   *float64 `json:"p95"`
}

// Number is f for a field of State: nil where f is not a finite number.
func Number(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

// Percentile is v, of 0 to 100, for a field of State: nil where it is unknown.
func Percentile(v float64) *float64 {
	if v > 0 {
		return &v
	}
	return nil
}

// ServeState answers GET and HEAD with what fill returns, as JSON that must not be
// cached. It calls fill for each request; fill must be safe for concurrent use.
func ServeState(fill func() State) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !readOnly(w, r) {
			return
		}
		body, err := json.Marshal(fill())
		if err != nil {
			http.Error(w, "state: "+err.Error(), http.StatusInternalServerError)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method == http.MethodGet {
			w.Write(append(body, '\n')) // an error means that the client has gone
		}
	})
}
