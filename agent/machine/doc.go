// Package machine runs one machine: it learns the machine's rows until there is a
// model, hands every row to package judge, and reports the events.
//
// A Machine is a value built from a configuration and a folder of models; it is
// driven by one goroutine and can be stopped and replaced while queue and broker
// connection stay.
//
// It does not read sensors, does not judge, and does not format messages or
// publish.
//
// # A model that does not fit
//
// Channels come and go, units are corrected, files get damaged. None of that stops a
// Machine: Assess says what it does with the model that there is. With channels
// added or removed the model goes on with those it knows; otherwise the machine is
// blind. Limits go on in any case, an alert event tells why and what to do, and where
// learning is allowed the machine is learnt anew beside it. The old versions stay. A
// damaged model is never replaced by what the machine happens to do now: that waits
// for somebody.
//
// # What a restart keeps
//
// The state of the judge is written every few hours, so that a power cut does not
// lose weeks of drift statistics, and when the machine stops: then scoring
// continues with the next row, as if nothing had been.
package machine
