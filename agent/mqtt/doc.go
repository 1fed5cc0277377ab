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
// There are three ways to publish, all with QoS 1: messages of the Source are queued
// and none is left out; of a topic given to SetRetained only the newest payload is
// sent, again on each connection; what is given to Offer is sent at most once.
//
// A message is acknowledged to the Source when the broker's PUBACK for it
// arrived on the connection on which it was sent. Every other message is sent
// again on the next connection. At most Window messages are in flight. So each
// message arrives at least once, the first arrivals are in order, and the
// consumer recognises a repetition by its number.
//
// # What the broker does not take
//
// An MQTT 3.1.1 broker cannot refuse a single message: it acknowledges the message or
// closes the connection. It can refuse only a connection (CONNACK) or a subscription
// (SUBACK with 0x80). So a trial (trial.go) finds out which message makes it close, by
// sending it alone, on connections that have lived for a while, and at least three
// times. Such a message is reduced by Options.Reduce; if no form passes it is passed
// over, and set aside as soon as another message on its topic has arrived: kept in the
// file Options.Aside, then acknowledged to the Source. Packets as long as one that was
// refused are reduced at once from then on. If three different messages on a topic are
// refused in a row, it is the topic: its messages wait in the Source, are tried again
// after a minute, later after an hour, and none is set aside. A message that is never
// acknowledged while later ones are is set aside after three connections.
//
// Some brokers acknowledge what they refuse, and end the connection then. So what was
// acknowledged in the last tenth of a second is to blame if nothing is in flight, and
// what is sent alone has arrived only if the connection survives that long.
//
// Payloads of SetRetained grow and shrink. If connections end with one in flight and a
// smaller one of its topic arrives, that speaks for a packet limit (long.go); after three
// such ends, packets as long are reduced, or wait. One is tried in full after a minute,
// later after an hour.
//
// A topic of SetRetained or Offer that is refused is tried again after an hour; three
// refused retained topics in a row mean that nothing retained is taken. A will that is
// the reason for a refused connection is left out. Reconsider tries all of this again.
//
// Why a break alone proves nothing: brokers and networks end connections for other
// reasons, and a message that is set aside wrongly is a lost alarm. The age of the
// connection, which doubles with each strike, tells a message from a broker that ends
// connections at random or at an age; each suspect that arrives after all makes the
// next one need more strikes (TestRefused_flakyBroker).
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
// Why the wait depends on the outage. In its first minute the broker is tried every
// 1 to 5 s. Then the wait is random between a quarter and a half of the outage, so a
// thousand gateways do not return at the same moment. At most the waits are between 4.9
// and 6.5 minutes, which keeps an outage of 24 hours below 300 attempts; a jitter from
// zero would double the longest wait for that. A connection that lasted for a minute
// ends an outage, a shorter one makes up for ten times its life.
//
// Why files are read at each connection: certificates and passwords are
// replaced without a restart. A connection that works is kept when they change,
// because the broker may learn of a new password later than the gateway; Renew ends
// it, and Retry spares a client that waits the rest of its wait.
package mqtt
