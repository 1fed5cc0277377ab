// Package homeassistant describes the gateway and its machines as Home Assistant's MQTT
// discovery wants it: one retained message for each device, with its entities.
//
// It describes topics that the agent publishes for everybody: status, machine/<name>,
// event, telemetry/<name> and health. Home Assistant gets no topic of its own beside
// the discovery messages. The package publishes nothing, and remembers nothing but what
// Announced is given.
//
// # Why
//
// Why unit and class are chosen from a table of pairs: Home Assistant refuses an entity
// whose class does not take its unit, and drops keys that it does not know without a
// word. A unit that is in no pair is shown without a class.
//
// Why an entity that is gone stays in its device's message with its platform alone:
// that is how Home Assistant removes it. A later message without it keeps it from
// coming back (package gateway sends that).
//
// Why channels expire although the agent says when it is offline: an agent may be
// online and read nothing any more.
//
// Why templates only pick a member of the payload: what a template computes is seen by
// no test of this program. The one exception is the event, whose type Home Assistant
// wants in a field of its own.
package homeassistant
