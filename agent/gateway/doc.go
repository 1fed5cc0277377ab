// Package gateway is the running agent: it puts sensors, machines, queue, broker
// connection and status endpoint together, and keeps them going until it is told to
// stop. The verbs run and demo start it.
//
// # Life of a Gateway
//
// New opens what must be there: state folder, queue, models, endpoint. It needs
// neither a bus nor a broker. Run continues the events that were open when the
// agent last stopped, starts everything, tells systemd that it is ready, and
// returns when its context is done or when something has broken that cannot heal.
//
// # Plant and services
//
// The plant is everything between the wires and the events: buses, sensors,
// sampler, machines. The services are queue, broker connection and endpoint. A
// reload replaces the plant and leaves the services alone, so that no message is
// lost; settings of the services change with a restart only.
//
// # Watchdog
//
// The watchdog of systemd is fed only while every stage makes progress: sampling
// and scoring of each machine, and delivery. A watchdog that is fed from its own
// loop proves only that the loop lives.
//
// The package does not parse flags, read files of configuration or choose exit
// codes. It judges no values (packages machine and detect do) and knows no device
// (package devices does).
package gateway
