package config

import "time"

// Config is a whole configuration file, checked and with defaults filled in.
type Config struct {
	Gateway   Gateway
	State     string // folder of everything that is written
	Templates string // folder of templates beside those of the binary; empty = none
	Buses     []Bus  // in file order
	Sensors   []Sensor
	Channels  [][]ChannelRef // of each sensor, in the order in which its driver reads them
	Machines  []Machine      // never empty: one machine "main" where the file names none
	MQTT      MQTT
	Spool     Spool
	HTTP      HTTP
	Trust     Trust
	Metrics   Metrics
	Control   Control
	Budget    Budget
	Log       Log

	// SHA256 is that of the file, in hex; empty if it was not read from a file.
	SHA256 string `json:"-"`

	// Warnings are the problems that do not keep the file from being used.
	Warnings Problems `json:",omitempty"`
}

// Pos is a place in the configuration file; lines and columns count from 1.
type Pos struct{ Line, Column int }

// Gateway names this device.
type Gateway struct {
	Site string
	ID   string // "auto" is resolved by the agent from the machine id
}

// Spool is the durable queue.
type Spool struct {
	Dir string
	Max int64 // bytes
}

// Budget bounds what the agent takes of the gateway.
type Budget struct {
	DiskPerDay int64 // bytes
	Memory     int64 // bytes; 0 = what the system allows
}

// Trust is the policy for models from elsewhere.
type Trust struct {
	Local bool
	Keys  []string
}

// Metrics is where metrics are pushed to.
type Metrics struct {
	Pos
	Push      string // an address; empty = scraping only
	Interval  time.Duration
	TokenFile string
	CA        string
}

// Log is what is logged, and how.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // text or json
}

// Control is the socket on which the running agent is asked for something; empty =
// none.
type Control struct{ Socket string }

// rootKeys is the whole file.
var rootKeys = section[*Config]{
	help: "The sections of the file. None is required.",
	rows: []row[*Config]{
		below(Key{Name: "gateway", Without: "the defaults of its keys", Example: "{site: plant-3, id: gw7}",
			Help: "Names this gateway."},
			&gatewayKeys, func(c *Config) *Gateway { return &c.Gateway }),
		{Key: Key{Name: "state", Kind: File, Default: "/var/lib/iot-edge-anomaly", Example: "/data/edge",
			Help: "Folder of everything that the agent writes: models, learning rows, drift and the queue."},
			into: func(c *Config) any { return &c.State }},
		{Key: Key{Name: "buses", Kind: kindByName, Without: "none", Example: "{env: {i2c: auto}}",
			Help: "The buses that sensors are connected to."},
			read: func(v value, _ *Config) { v.p.buses(v) }},
		{Key: Key{Name: "templates", Kind: File, Without: "only those of the program", Example: "/etc/iot-edge-anomaly/templates",
			Help: "Folder of templates of your own, `NAME.yaml` each, see [devices.md](devices.md#a-template-of-your-own)."},
			read: func(v value, _ *Config) { v.p.templateFolder(v) }},
		{Key: Key{Name: "sensors", Kind: Mappings, Without: "nothing is watched, and the gateway is idle", Example: "[{name: cabinet, driver: bme280, bus: env}]",
			Help: "The devices that are read."},
			read: func(v value, _ *Config) { v.p.sensors(v) }},
		{Key: Key{Name: "machines", Kind: Mappings, Without: "one machine `main` with every channel", Example: `[{name: pump1, channels: ["pump.*"]}]`,
			Help: "What is learnt and watched, each with a model of its own."},
			read: func(v value, _ *Config) { v.p.machines(v) }},
		below(Key{Name: "trust", Without: "the defaults of its keys", Example: "{local: true}",
			Help: "Which models are trusted."},
			&trustKeys, func(c *Config) *Trust { return &c.Trust }),
		below(Key{Name: "mqtt", Without: "nothing is published", Example: `{broker: "mqtts://broker.plant:8883"}`,
			Help: "The broker to which states and events are published."},
			&mqttKeys, func(c *Config) *MQTT { return &c.MQTT }),
		below(Key{Name: "spool", Without: "the defaults of its keys", Example: "{max: 256MiB}",
			Help: "The queue on disk that keeps messages until the broker has them."},
			&spoolKeys, func(c *Config) *Spool { return &c.Spool }),
		below(Key{Name: "http", Without: "the defaults of its keys", Example: `{listen: "127.0.0.1:8080"}`,
			Help: "The page, health and metrics."},
			&httpKeys, func(c *Config) *HTTP { return &c.HTTP }),
		below(Key{Name: "metrics", Without: "`/metrics` is scraped", Example: `{push: "https://metrics.plant/api/v1/import/prometheus"}`,
			Help: "Where metrics go."},
			&metricsKeys, func(c *Config) *Metrics { return &c.Metrics }),
		below(Key{Name: "control", Without: "the defaults of its keys", Example: "{socket: /run/iot-edge-anomaly/control.sock}",
			Help: "How the running agent is asked for something."},
			&controlKeys, func(c *Config) *Control { return &c.Control }),
		below(Key{Name: "budget", Without: "the defaults of its keys", Example: "{disk_per_day: 50MB}",
			Help: "What the agent may take of the gateway."},
			&budgetKeys, func(c *Config) *Budget { return &c.Budget }),
		below(Key{Name: "log", Without: "the defaults of its keys", Example: "{level: info}",
			Help: "What is logged."},
			&logKeys, func(c *Config) *Log { return &c.Log }),
	},
	check: func(v value, c *Config, _ given) {
		if c.Spool.Dir == "" {
			c.Spool.Dir = c.State + "/spool"
		}
		v.finish(c)
	},
}

var gatewayKeys = section[*Gateway]{
	path: "gateway",
	help: "Names this gateway; both names are parts of topics and messages.",
	rows: []row[*Gateway]{
		{Key: Key{Name: "site", Kind: Name, Default: "default", Example: "plant-3",
			Help: "Name of the place, `{site}` in topics."},
			into: func(g *Gateway) any { return &g.Site }},
		{Key: Key{Name: "id", Kind: Name, Default: "auto", Example: "gw7",
			Help: "Name of the gateway, `{device}` in topics; auto makes one from the machine id."},
			into: func(g *Gateway) any { return &g.ID }},
	},
}

var trustKeys = section[*Trust]{
	path: "trust",
	help: "Which models are trusted.",
	rows: []row[*Trust]{
		{Key: Key{Name: "local", Kind: Boolean, Default: "true", Example: "true",
			Help: "Whether models that were learnt on this gateway are used; with false nothing is learnt here."},
			into: func(t *Trust) any { return &t.Local }},
		{Key: Key{Name: "keys", Kind: List, Of: File, Empty: "none", Without: "models from elsewhere need no signature", Example: "[/etc/iot-edge-anomaly/model.pub]",
			Help: "Public keys of minisign. With any, a model from elsewhere is used only if one of them has signed it. See [models.md](models.md#signatures)."},
			into: func(t *Trust) any { return &t.Keys }},
	},
}

var spoolKeys = section[*Spool]{
	path: "spool",
	help: "The queue on disk that keeps messages until the broker has them.",
	rows: []row[*Spool]{
		{Key: Key{Name: "dir", Kind: File, Without: "the folder `spool` in `state`", Example: "/data/spool",
			Help: "Folder of the queue."},
			into: func(s *Spool) any { return &s.Dir }},
		{Key: Key{Name: "max", Kind: Size, Min: "1MiB", Max: "1TiB", Default: "64MiB", Example: "256MiB",
			Help: "Size of the queue; when it is full, the oldest messages are dropped and counted."},
			into: func(s *Spool) any { return &s.Max }},
	},
}

var controlKeys = section[*Control]{
	path: "control",
	help: "How `status`, `reload`, `event`, `mute` and other verbs ask the running agent. See [control.md](control.md).",
	rows: []row[*Control]{
		{Key: Key{Name: "socket", Kind: File, Default: defaultSocket, Empty: "the agent cannot be asked", Example: "/run/iot-edge-anomaly/control.sock", Check: socketLength,
			Help: "Unix socket of the running agent; its folder must be there. Empty: the agent cannot be asked."},
			into: func(c *Control) any { return &c.Socket }},
	},
}

var budgetKeys = section[*Budget]{
	path: "budget",
	help: "What the agent may take of the gateway.",
	rows: []row[*Budget]{
		{Key: Key{Name: "disk_per_day", Kind: Size, Min: "1MB", Max: "1000GB", Default: "50MB", Example: "50MB",
			Help: "What may be written to the disk in a day; beyond it updates of events are merged, an open or a close never. See [delivery.md](delivery.md#wear)."},
			into: func(b *Budget) any { return &b.DiskPerDay }},
		{Key: Key{Name: "memory", Kind: Size, Min: "32MiB", Max: "1TiB", Without: "what the system allows: the memory of the gateway, and the limits of its control groups", Example: "96MiB",
			Help: "Memory that the agent may have in use. From 80 % on it saves memory, at 95 % for a minute it ends to be started again. See [troubleshooting.md](troubleshooting.md#something-of-the-gateway-is-scarce)."},
			into: func(b *Budget) any { return &b.Memory }},
	},
}

var logKeys = section[*Log]{
	path: "log",
	help: "What is logged, to stderr and so to the journal.",
	rows: []row[*Log]{
		{Key: Key{Name: "level", Kind: Choice, Choices: []string{"debug", "info", "warn", "error"}, Default: "info", Example: "debug",
			Aliases: map[string]string{"warning": "warn", "err": "error", "trace": "debug"},
			Help:    "The least serious level that is logged."},
			into: func(l *Log) any { return &l.Level }},
		{Key: Key{Name: "format", Kind: Choice, Choices: []string{"text", "json"}, Default: "text", Example: "json",
			Help: "How a line is written: `key=value`, or one JSON object. It changes with a restart only."},
			into: func(l *Log) any { return &l.Format }},
	},
}
