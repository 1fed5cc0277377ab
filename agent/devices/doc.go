// Package devices knows every device driver of this program: what the
// configuration may say of it, how a sensor of it is made, and the buses that
// sensors sit on. It is the only package of the agent that imports single drivers
// (the demonstration and tests aside).
//
// It does not read a configuration file, it does not decide when a sensor is read
// (package sampler does), and it does not judge values.
//
// # From a configuration to readings
//
// Infos goes to package config, which checks a file against it. Open makes the
// buses of the checked configuration, Sensors makes the sensors on them, and Group
// makes the sampler that reads the sensors for the machines. None of these touches
// hardware: a bus that is absent is tried again until it is there, so that a gateway
// starts without its sensors.
//
// LineLoad and LongWaits warn of buses that have no time for what is configured.
package devices
