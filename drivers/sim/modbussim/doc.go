// Package modbussim is a Modbus server, TCP and RTU, that runs in the test process
// and can send wrong answers: late, to the wrong transaction, with the wrong length
// or checksum, in single bytes, or none at all. Tests, the demonstration and the
// emulated boards read it in place of a plant.
//
// A Gateway hands late answers to the wrong request, as some gateways do; a
// SerialServer copies the answers of another client's requests to all.
//
// It does not accept writes and does not know what its registers mean. A read of a
// register that was never set is answered with exception 2, as a real device answers
// for an address outside its map.
//
// The frames follow the Modbus Application Protocol Specification V1.1b3
// (sections 6.1-6.4 for functions 1-4, 7 for exceptions) and the Modbus
// Messaging on TCP/IP Implementation Guide V1.0b (section 3.1.3, MBAP header),
// or MODBUS over Serial Line V1.02 (section 2.5.1, RTU frames).
//
// # Why own code
//
// The libraries that serve Modbus cannot send malformed frames, and those are what a
// gateway has to survive for years.
package modbussim
