module iot-edge-anomaly

go 1.26.0

toolchain go1.26.8

require (
	github.com/VictoriaMetrics/metrics v1.44.0
	github.com/coreos/go-systemd/v22 v22.7.0
	github.com/creack/pty v1.1.24
	github.com/eclipse/paho.mqtt.golang v1.5.1
	github.com/goburrow/modbus v0.1.0
	github.com/grid-x/modbus v0.0.0-20251121133955-8a6c959be366 // tests: a second opinion
	github.com/mochi-mqtt/server/v2 v2.7.9
	github.com/simonvetter/modbus v1.6.4 // tests: an independent server
	go.uber.org/goleak v1.3.0
	go.yaml.in/yaml/v3 v3.0.6
	golang.org/x/crypto v0.47.0 // tests: a second opinion
	golang.org/x/sys v0.49.0
	periph.io/x/conn/v3 v3.7.3
	periph.io/x/host/v3 v3.8.5
	pgregory.net/rapid v1.3.0
)

require (
	github.com/goburrow/serial v0.1.0 // indirect
	github.com/gorilla/websocket v1.5.3 // indirect
	github.com/grid-x/serial v0.0.0-20211107191517-583c7356b3aa // indirect
	github.com/rs/xid v1.4.0 // indirect
	github.com/valyala/fastrand v1.1.0 // indirect
	github.com/valyala/histogram v1.2.0 // indirect
	golang.org/x/net v0.48.0 // indirect
	golang.org/x/sync v0.17.0 // indirect
)

// Imported by the MQTT library and left out: see tools/leftout/websocket.
replace (
	github.com/gorilla/websocket => ./tools/leftout/websocket
	golang.org/x/net => ./tools/leftout/net
)
