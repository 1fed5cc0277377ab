// Package mqtt delivers messages to an MQTT 3.1.1 broker and keeps a few
// retained topics there up to date.
//
// It does not know what the messages say, and decides nothing about them: it
// takes them from a Source, publishes them in order as they are, and tells the
// Source what arrived. It never refuses to run because the broker is away.
//
// # Delivery
//
// A message is acknowledged to the Source when the broker's PUBACK for it arrived on the
// connection it was sent on; anything else is sent again on the next one. At
// most Window messages are under way. So each message arrives at least once,
// in order of first arrival, and the consumer recognises a repetition by its
// number.
//
// # Presence
//
// The status topic is retained: birth after connecting, will if the
// connection breaks, offline before a clean end. A broker that notices late
// that an old connection died publishes its will over the new birth; so the
// client listens to its own status and says birth again when it reads that it
// is offline.
//
// # Why
//
// Why paho's own reconnection is off. With it, a token of a QoS 1 message
// completes without an error although no PUBACK ever came, and with a
// persistent session and no reconnection it never completes. With a new client for
// each connection and a clean session a token that ends without an error
// means a PUBACK on that connection, which is all that deleting needs.
//
// Why a guard between the socket and the library. Five bytes from a broker
// make the library allocate 255 MiB, and a SUBACK with more answers than
// questions makes it index out of range. The guard reads the fixed headers
// first and ends the connection on anything a broker has no business to send
// here. It also admits one SUBACK only, before the first message is sent: the
// library takes any acknowledgement with the number of a message as its
// PUBACK.
//
// Why the wait follows the outage. A broker that was away for a minute is
// connected again within half a minute, whatever the dice say; one that was away
// for an hour need not be asked every second. Between a quarter and a half of
// the outage is chance, so a thousand gateways do not return in one instant. At
// the top the waits lie between 4.9 and 6.5 minutes, which keeps an outage of 24
// hours below 300 attempts.
//
// Why files are read at each connection: certificates and passwords are
// rotated without a restart.
package mqtt
