// Package control is the socket on which people and programs of the gateway ask the
// running agent to do something: its server, its client, and the record of who
// changed what.
//
// The server speaks HTTP with JSON on a unix socket: GET /v1/VERB reads, POST
// /v1/VERB changes. Who may ask is settled by the file's mode and group. A request
// carries content and never a path, so that a client cannot make the agent open a
// file that the client may not open itself.
//
// Apply replaces the configuration file: it runs in the client, with the client's
// permissions, and only asks the agent to take the file anew.
//
// The package does not know what a verb does: package gateway hands it the verbs.
// It listens on no network.
//
// # Who has the socket
//
// The agent holds a lock on the file SOCKET.lock as long as it lives. A socket that
// a crash has left behind is replaced, because nobody holds its lock; a second agent
// cannot have the lock and so never takes the socket of the first one.
//
// # What a client can do to others
//
// A client that sends nothing, rubbish or too much is disconnected. Its connection is
// one of a few, and each has a time limit, so that others wait for seconds at the most.
package control
