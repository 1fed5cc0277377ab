// Package sparkplug is the gateway as an edge node of Sparkplug B (Eclipse Sparkplug
// 3.0.0): NBIRTH, DBIRTH, NDATA, DDATA, DDEATH and NDEATH, their numbers, and the answer to
// a host that asks for a rebirth. The gateway is the edge node, each machine a device; its
// channels, score, state and number of open events are the metrics.
//
// It does not connect: package mqtt has the connection (Sideline), and package gateway
// shows it the plant twice a second, from the copies that machines keep for every reader. The
// way of a row knows nothing of it. It stores nothing; package gateway remembers bdSeq. Which
// rows are worth publishing is decided by package telemetry.
//
// # Why
//
// Why protobuf is written by hand: the messages use 14 fields of 5 message types, in 120 lines.
// google.golang.org/protobuf v1.36 adds 1.65 MiB to a binary that is 12 MiB at the most (built with
// it and without).
// Tests decode what is written here with Google's own library.
//
// Why nothing but "Node Control/Rebirth" is taken: the agent writes to no device, and who may
// publish to a topic is not known here. A rebirth changes nothing, and there are at most three
// in 30 s, so a flood of requests costs a bounded amount of data.
//
// Why a row that is published has only the metrics that differ from what was sent, while
// telemetry publishes rows whole: a Sparkplug host keeps the newest value of each metric and
// asks for a rebirth when it has missed a message.
//
// Why a machine that is blind has no DDEATH: its state and its open events go on. Its channels
// are null, with quality bad.
//
// Why nothing is published while the date of the clock is impossible: the specification wants a
// time with each metric ([tck-id-payloads-name-birth-data-requirement]), and hosts store
// it. While nothing confirms a date that is possible, the node's metric time_quality says so.
// If the clock steps, everything is born again with the new time.
package sparkplug
