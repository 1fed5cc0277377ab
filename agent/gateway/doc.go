// Package gateway is the running agent: it puts sensors, machines, queue, broker
// connection and status endpoint together, and keeps them going until it is told to
// stop. The verbs run and demo start it.
//
// # Life of a Gateway
//
// New opens what must be there: state folder, queue, models. It needs neither a bus
// nor a broker nor a free address. Run continues the events that were open when the
// agent last stopped, starts everything, tells systemd that it is ready, and
// returns when its context is done, or with ErrRestart if a reload has failed halfway.
//
// # Plant and services
//
// The plant is everything between the wires and the events: buses, sensors,
// sampler, machines. The services are broker connection, endpoint and control
// socket.
//
// # Reload
//
// A reload touches only what differs between two configurations, wherever in the file
// it stands. A bus stays if its settings do, a sensor if its settings and its bus do, a
// machine if its settings, its sensors and its model do. What stays is not stopped for
// a moment: connections, windows, counters and open events go on. What differs is first
// made beside it, which proves that it fits; then the machines concerned stop, which
// writes their learning rows and the state of their judges to disk, and continue from
// there.
//
// Then the services whose settings differ are replaced; the queue stays, so that no
// message is lost. A new connection or endpoint starts when the old one has ended,
// because both may need the same client id or address.
//
// # Watchdog
//
// The watchdog of systemd is fed only while every stage makes progress: sampling
// and scoring of each machine, delivery, and the loop. A watchdog that is fed from its
// own loop proves only that the loop lives. Time in which the disk keeps an operation
// waiting does not count: a restart would not make the disk faster.
//
// # What never waits for the disk
//
// Snapshot, and with it /health, /metrics and status, and the feeding of the watchdog. mu
// is never held while something is stored, and queue and reporter hold no lock while the
// disk works.
//
// The package does not parse flags, read files of configuration or choose exit
// codes. It judges no values (packages machine and detect do) and knows no device
// (package devices does).
package gateway
