package config

import "time"

// Drift is when an anomaly stops being one.
type Drift struct {
	After time.Duration // at one level for so long it becomes drift; 0 = never
}

// leastDrift is less than anybody needs to see an alarm.
const leastDrift = 10 * time.Minute

func (v value) drift(d *Drift) {
	v.object(map[string]string{"enabled": "drift is always judged; after: 0s keeps anomalies from becoming drift"},
		key("after", func(v value) {
			var after time.Duration
			if !v.duration(&after, 0, 366*24*time.Hour) {
				return
			}
			if after > 0 && after < leastDrift {
				v.fail("write 0s for never", "%s is below %s: nobody would see the alarm", showDuration(after), showDuration(leastDrift))
				return
			}
			d.After = after
		}),
	)
}
