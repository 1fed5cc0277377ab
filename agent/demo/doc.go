// Package demo is the demonstration. In place of a plant it has a simulated pump
// station behind a real Modbus TCP server and simulated I2C chips, a script of faults,
// a terminal view, and a broker for users who have none.
//
// It does not read a sensor, learn, score, detect or publish. The production agent
// (package gateway) does all that: Run gives it a configuration file that leads to the
// station. The view shows only what an MQTT subscriber and a reader of the page see.
//
// # The plant
//
// A centrifugal pump with a frequency converter lifts water to consumers. Its physics
// is in hydraulics.go and plant.go: pump curve and system curve with the affinity laws,
// shaft power and motor current, first-order temperatures. Time passes in steps of
// 100 ms of the plant's clock; a seed gives the same history however the steps are
// grouped. The station's clock runs twenty times as fast as the wall clock, so that
// 25 seconds of learning see the demand rise and fall three times and the pump stop
// and start.
//
// # Why the demand changes all the time
//
// A detector learns what it is shown. A plant that stays at one operating point
// teaches it that everything else is wrong, and a demonstration on such a plant would
// prove nothing. Here the demand changes all the time, and speed, flow, pressure,
// current and vibration follow it, so only the relation between them is constant.
// That relation is what the faults break.
package demo
