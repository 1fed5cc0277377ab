// Package demo is the demonstration: in place of a plant it has a simulated pump
// station behind a real Modbus TCP server and simulated I2C chips, a broker for
// those who have none, a script of faults, and a terminal view.
//
// It does not read a sensor, learn, score, detect or publish. The production agent
// (package gateway) does all that: Run gives it a configuration file, and it finds
// the station where that file says. The view shows only what an MQTT subscriber and
// a reader of the page see.
//
// # The plant
//
// A centrifugal pump under a frequency converter lifts water to consumers. All
// of its physics is in hydraulics.go and plant.go: pump curve and system curve
// with the affinity laws, shaft power and motor current, first-order
// temperatures. Time passes in steps of 100 ms of the plant's clock; one seed
// gives one history, however the steps are grouped. The station runs that clock
// twenty times as fast as the wall's, so that 25 seconds of learning see the
// demand rise and fall three times and the pump stop and start.
//
// # Why it is so lively
//
// A detector learns what it is shown. A plant that hums at one point teaches
// that anything else is wrong, and a demonstration on it would prove nothing.
// Here the demand moves all the time, and speed, flow, pressure, current and
// vibration follow it, so only the relation between them is constant. That
// relation is what the faults break.
package demo
