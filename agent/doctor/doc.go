// Package doctor examines a gateway as a whole, one thing after the other, and says for
// each what is wrong and what to do: the configuration, the agent, the way to the
// broker, each device once, and the computer below (the verb doctor).
//
// It changes nothing. What other verbs know is not known here again: their work comes
// in as functions of Options (check, mqtt check), or is asked for (read, status).
package doctor
