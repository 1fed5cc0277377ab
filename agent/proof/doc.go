// Package proof decides whether a model may become the active one of a machine. It takes
// the bytes of a model's file through gates, one after the other; the first that refuses
// ends it, and its error is that of the gate:
//
//	size       the file is not larger than a gateway takes
//	sha256     the file is whole, and the one that somebody has named
//	signature  of somebody whose models are used (trust)
//	golden     this CPU computes what the model's golden vectors say, to the bit
//	schema     the channels, their units, the period and run_when are the machine's
//	parity     the int8 network says what the float32 weights say that it comes from
//	latency    a score takes a small part of the period on this CPU
//	replay     the newest normal rows of the machine give no false alarms
//
// It stores and activates nothing, and it knows neither the running agent nor the
// configuration: what the machine is comes in as Want.
package proof
