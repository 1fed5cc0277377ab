// Package broker opens connections to MQTT brokers: the address, TLS with its files,
// the password, and what to do about an error.
//
// It does not speak MQTT. Package mqtt delivers messages over its connections, and
// sensors that subscribe read over them.
//
// Certificates and passwords are read again when their files have changed, so they can be
// replaced without a restart; what cannot be used leaves in force what was read before.
// They are never in an address: an error or a log line may show
// it.
package broker
