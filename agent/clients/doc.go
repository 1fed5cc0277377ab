// Package clients bounds the connections of an HTTP server, so that clients which are
// slow, idle or many do not use up the places of others.
//
// A Listener accepts every newcomer. Where all places are taken, it closes the
// connection that matters least: first those of an address that has more than its
// share, then one that does not complete its request, then one that is idle, then one
// that does not take its answer. A request that is already whole in the kernel counts
// as made, even if nobody has read it yet. So a flood displaces itself, and whoever sends
// a request at once is answered at once.
//
// Turns bounds the answers that are large, because each holds its bytes until its
// client has taken them.
//
// The package does not know what is asked or answered. The HTTP endpoint (package
// status) and the control socket (package control) use it.
//
// # Why newcomers come first
//
// A place that is kept for whoever came first is lost to whoever never leaves: 64
// connections that are kept alive and silent would keep the health check out for a
// minute. Short time limits alone do not help either: 500 clients that send a header
// line a second hold every place all the time. The newest connection is the one that
// is most likely to ask something now.
package clients
