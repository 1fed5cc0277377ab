// Package modbussim is a Modbus server, TCP and RTU, that runs in the process
// and is able to lie: it answers late, to the wrong transaction, with the wrong
// length or checksum, in single bytes, or not at all. Tests, the demonstration and the board checks
// read it in place of a plant.
//
// It does not accept writes or know what its registers mean. A
// register that was never set is answered with exception 2, as a real device
// answers for an address outside its map.
//
// The frames follow the Modbus Application Protocol Specification V1.1b3
// (sections 6.1-6.4 for functions 1-4, 7 for exceptions) and the Modbus
// Messaging on TCP/IP Implementation Guide V1.0b (section 3.1.3, MBAP header),
// or MODBUS over Serial Line V1.02 (section 2.5.1, RTU frames).
//
// # Why own code
//
// The libraries that serve Modbus cannot send a malformed frame, and it is the
// malformed frames that a gateway has to survive for years.
package modbussim
