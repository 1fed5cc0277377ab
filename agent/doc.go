// Command iot-edge-anomaly watches machines from a gateway: it reads sensors on I2C,
// Modbus and MQTT, learns what is normal, scores each row of values with an int8
// autoencoder, and publishes anomalies over MQTT.
//
// Package main is the command line: it parses flags, prints, and chooses exit codes,
// one file a verb. The packages below agent/ do the work; docs/architecture.md lists
// them. A test holds this package below 1,500 lines.
package main
