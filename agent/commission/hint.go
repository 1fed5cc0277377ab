package commission

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"iot-edge-anomaly/drivers/modbus"
)

// hint says what to try after an error of the Modbus line with this URL. It is
// empty where the error says enough, or where nothing is known to help.
func hint(url string, err error) string {
	var refusal *modbus.ExceptionError
	var other *modbus.UnitError
	var lost *modbus.LostError
	var op *net.OpError
	scheme, _, _ := strings.Cut(url, ":")
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return ""
	case errors.As(err, &refusal):
		return exceptionHints[refusal.Code]
	case silent(err):
		return silenceHint(scheme)
	case errors.As(err, &other) && scheme == "tcp":
		return fmt.Sprintf("if it answers so whatever it is asked, give it as unit %d", other.Got)
	case errors.Is(err, modbus.ErrFrame):
		return nonsenseHint(scheme)
	case scheme == "rtu": // the error of a port says what is wrong
	case errors.As(err, &lost):
		return "it may serve a single client, or only those that it knows"
	case errors.As(err, &op):
		return "are host and port right? is it switched on, and Modbus in its settings? does a firewall stand between?"
	}
	return ""
}

var exceptionHints = map[byte]string{
	1:  "the device has no such table: try input:N or holding:N",
	2:  "no such registers: try input:N or holding:N, or one lower where the manual counts from 1",
	3:  "the device gives no such number of registers from there: is the type right?",
	4:  "some devices say so of registers that they do not have; else the device itself has a fault",
	5:  "the device is busy: ask more rarely, or with a pause",
	6:  "the device is busy: ask more rarely, or with a pause",
	10: "a gateway says so: does it have this unit, and a way to it?",
	11: "a gateway says so for the unit: are unit, wires and the gateway's baud rate right? is its own timeout long enough?",
}

func silenceHint(scheme string) string {
	switch scheme {
	case "tcp":
		return "is the unit right? does it take a longer timeout? is it a serial server that passes frames on, rtutcp://?"
	case "rtutcp":
		return "are unit and wires right? does it take a longer timeout? is it a server that speaks Modbus TCP, tcp://?"
	}
	return "are unit, baud rate, parity and wires right? does it take a longer timeout?"
}

func nonsenseHint(scheme string) string {
	switch scheme {
	case "tcp":
		return "does that port speak Modbus TCP? a serial server that passes frames on is rtutcp://"
	case "rtutcp":
		return "are baud rate and parity of the server right? does another master talk there? a server that speaks Modbus TCP is tcp://"
	}
	return "noise, or two who talk at once: are baud rate and parity right, is the line terminated, has each device its own number, is there another master?"
}
