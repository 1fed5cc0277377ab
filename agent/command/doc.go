// Package command takes what others ask of the gateway over MQTT: to acknowledge an
// event, or to mute a machine. It reads a request, and decides whether it counts: the
// verb is allowed, the challenge is the present one, and there were not too many.
//
// It does not do what is asked, and knows neither broker nor events: package gateway
// does.
//
// # The challenge
//
// A broker passes on what anybody may publish there, may keep it, and may deliver it
// twice or much later. So each request carries the challenge, a random text that the
// gateway publishes. It is another one after each request that had it, whatever became
// of the request, after each connection, and every ten minutes: a request counts once,
// and not later than that.
package command
