// Package mqttsub reads values that others publish to an MQTT 3.1.1 broker: bridges
// of M-Bus, OPC UA or BACnet devices, zigbee2mqtt, or programs of the plant's own.
//
// It does not open connections, and it does not know TLS or passwords: it receives
// a function that opens a connection. It publishes nothing. The only packets that it
// can send are CONNECT without a will, SUBSCRIBE, PINGREQ and DISCONNECT.
//
// # What is delivered
//
// A channel is a topic and, where the message is JSON, a path to a value in it. The
// value is a number, a number written as a text, or a truth value (0 or 1). It
// counts until MaxAge after the message arrived, and each Read delivers it until
// then: publishers send when something changes or once a minute, whatever the period
// of the rows. Age says how old it is.
//
// There is no value, and the error says why: before the first message, after MaxAge,
// when the newest message says null or NaN, when it is no number, when the broker
// refuses the subscription, and while there is no connection. A message that lacks
// the path leaves the value as it was, because bridges send partial updates. A
// missing first message is no failure until MaxAge after the subscription.
//
// A retained message counts from its arrival, because MQTT 3.1.1 does not say when
// it was published. After a reconnection the broker sends it again; it then counts
// as new only if its content differs from the last message of the topic.
//
// # Why
//
// Why no client library: a reader at QoS 0 needs six kinds of packets, and these
// bounds: a payload above 64 KiB is skipped instead of being allocated, and a packet
// that a broker must not send ends the connection. What cannot be encoded here
// cannot be sent, so that reading stays reading.
//
// Why QoS 0 with a clean session: an old value that arrives late is worth nothing to
// a row.
//
// Why a goroutine: messages come unasked. It is the one that calls Run, and Run ends
// with its context; a Sensor itself starts none.
package mqttsub
