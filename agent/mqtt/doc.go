// Package mqtt delivers messages to an MQTT 3.1.1 broker and keeps a few
// retained topics there up to date.
//
// It does not know what the messages say, where they are stored or who finished
// them: it takes them from a Source, publishes them in order and unchanged, and
// tells the Source which ones arrived. It never ends because the broker is
// unreachable.
//
// # Delivery
//
// There are two ways to publish, both with QoS 1: messages of the Source are queued
// and none is left out; of a topic given to SetRetained only the newest payload is
// sent, again on each connection.
//
// A message is acknowledged to the Source when the broker's PUBACK for it
// arrived on the connection on which it was sent. Every other message is sent
// again on the next connection. At most Window messages are in flight. So each
// message arrives at least once, the first arrivals are in order, and the
// consumer recognises a repetition by its number.
//
// An MQTT 3.1.1 broker cannot refuse a single message: it acknowledges the message or
// closes the connection. It can refuse only a connection (CONNACK) or a subscription
// (SUBACK with 0x80).
//
// # Presence
//
// The status topic is retained. The client publishes birth after connecting and
// offline before it ends cleanly; the broker publishes the will if the
// connection breaks. A broker that notices late that an old connection is dead
// publishes its will over the new birth. So the client subscribes to its own
// status and publishes birth again when it reads that it is offline.
//
// # Why
//
// Why paho's own reconnection is off. With it, the token of a QoS 1 message
// completes without an error although no PUBACK ever came; with a persistent
// session and without reconnection, the token never completes. With a new
// client for each connection and a clean session, a token that completes
// without an error means a PUBACK on that connection. Deleting a message needs
// exactly this.
//
// Why a guard between the socket and the library. Five bytes from a broker
// make the library allocate 255 MiB, and a SUBACK with more results than
// requested topics makes it index out of range. The guard reads the fixed
// headers first and closes the connection on any packet that a broker must not
// send here. It also admits only one SUBACK, before the first message is sent:
// the library takes any acknowledgement with the number of a message for its
// PUBACK.
//
// Why the wait depends on the outage. A broker that was away for a minute is
// connected again within half a minute in every case; one that was away for an
// hour need not be tried every second. The wait is random between a quarter and
// a half of the outage, so a thousand gateways do not return at the same
// moment. At most the waits are between 4.9 and 6.5 minutes, which keeps an
// outage of 24 hours below 300 attempts.
//
// Why files are read at each connection: certificates and passwords are
// replaced without a restart. A connection that works is kept when they change,
// because the broker may learn of a new password later than the gateway; Renew ends
// it, and Retry spares a client that waits the rest of its wait.
package mqtt
