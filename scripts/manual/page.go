package main

import (
	"fmt"
	"strings"
	"time"
)

// codes are the exit codes, as agent/main.go has them.
var codes = [][2]string{
	{"0", "done"},
	{"1", "not done; of status: degraded"},
	{"2", "wrong usage; of status: unhealthy"},
	{"3", "of status: no agent runs, or it cannot be asked"},
	{"75", "the agent ended so that its service manager starts it again"},
	{"78", "the configuration or the model is refused"},
}

// page is the man page.
func (p program) page(date time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH IOT\\-EDGE\\-ANOMALY 1 %s \"%s %s\"\n", date.Format(time.DateOnly), name, roff(p.version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(p.what))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n.I VERB\n.RI [ flags ]\n", roff(name))
	b.WriteString(".SH DESCRIPTION\n")
	b.WriteString(text("It reads the I2C and Modbus sensors of a gateway, learns what is normal on each machine, scores every row, and tells anomalies over MQTT. "+
		"The package starts it as a service. The verbs below set it up, ask it and try it.") + "\n")
	b.WriteString(".SH VERBS\n")
	for _, v := range p.verbs {
		fmt.Fprintf(&b, ".SS %s %s\n%s\n", roff(v.name), roff(v.args), text(v.what+"."))
		for _, o := range v.flags {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(strings.TrimSpace("--"+o.name+" "+o.value)), text(o.what))
		}
	}
	b.WriteString(".SH EXIT STATUS\n")
	for _, c := range codes {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", c[0], text(c[1]))
	}
	b.WriteString(".SH FILES\n")
	for _, f := range [][2]string{
		{"/etc/iot-edge-anomaly/config.yaml", "the configuration"},
		{"/etc/iot-edge-anomaly/credentials/", "passwords and keys, which only the service can read"},
		{"/var/lib/iot-edge-anomaly/", "models, state and the queue of messages"},
		{"/run/iot-edge-anomaly/control.sock", "the socket by which verbs ask the running agent"},
		{"/usr/share/doc/iot-edge-anomaly/", "all pages of the manual, examples and schemas"},
	} {
		fmt.Fprintf(&b, ".TP\n.I %s\n%s\n", roff(f[0]), text(f[1]))
	}
	b.WriteString(".SH SEE ALSO\n.BR systemctl (1),\n.BR journalctl (1)\n")
	return b.String()
}

// roff escapes a text.
func roff(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
}

// text escapes a paragraph, which must not begin like a request.
func text(s string) string {
	s = roff(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
