// Package telemetry decides which rows of a machine are worth publishing: at most one
// in an interval, those in which something has changed, several in one message where
// data is dear. Telemetry is for whoever draws or stores values; alarms do not depend
// on it.
//
// It does not take rows: package gateway shows it the newest row of a machine twice a
// second, from the copy that the machine keeps for every reader. So the way of a row
// knows nothing of telemetry, and neither a slow broker nor a slow disk can hold it up.
// It does not publish and stores nothing on disk. It does not write JSON: package
// report does.
//
// # Why
//
// Why a row that has changed is published whole. Which values a subscriber has missed
// cannot be told from a message that has only some of them, and templates of Home
// Assistant fail on a name that is not there.
//
// Why a row is published once a minute although nothing has changed. Silence would not
// differ from an agent that hangs.
package telemetry
