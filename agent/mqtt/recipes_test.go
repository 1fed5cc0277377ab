package mqtt

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/drivers/driverstest"
)

// recipe is a block of docs/bridge.md, with replacements.
func recipe(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "bridge.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "```conf "+name+"\n")
	block, _, end := strings.Cut(rest, "```")
	if !ok || !end {
		t.Fatalf("docs/bridge.md has no block %s", name)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(block, pairs[i]) {
			t.Fatalf("block %s has no %q", name, pairs[i])
		}
	}
	return strings.NewReplacer(pairs...).Replace(block)
}

// mosquittoOf starts a broker with a whole configuration, whose listener is at addr.
func mosquittoOf(t *testing.T, addr, conf string) *mosquitto {
	t.Helper()
	if testing.Short() {
		t.Skip("needs mosquitto; left out with -short")
	}
	m := &mosquitto{t: t, dir: openDir(t), addr: addr}
	m.conf = filepath.Join(m.dir, "mosquitto.conf")
	if err := os.WriteFile(m.conf, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	m.start()
	t.Cleanup(m.kill)
	return m
}

// below are the topics of a gateway that publishes below one.
func below(base string) Topics { return Topics{Status: base + "/status", Event: base + "/event"} }

// listenerOf is the argument of a listener line: port and host.
func listenerOf(addr string) string {
	host, port, _ := strings.Cut(addr, ":")
	return port + " " + host
}

// The bridge of the page: two brokers get every event and every state; one of them may be
// away meanwhile.
func TestRecipe_bridge(t *testing.T) {
	t.Parallel()
	plant, cloud := newMosquitto(t), newMosquitto(t)
	a, b := listen(t, plant), listen(t, cloud)
	addr, dir := driverstest.FreeAddr(t), openDir(t)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	local := mosquittoOf(t, addr, recipe(t, "bridge", "listener 1883 127.0.0.1", "listener "+listenerOf(addr), "/var/lib/mosquitto/", dir+"/",
		"address broker.plant:1883", "address "+plant.addr, "address broker.cloud:1883", "address "+cloud.addr))
	q := mustSpool(t)
	c := mustNew(t, Options{Broker: "tcp://" + local.addr}, q)
	c.SetRetained("plant/gw7/machine/a", []byte("normal"))
	appendN(t, q, 50)
	run(t, c)
	eventually(t, time.Minute, "50 events at both", func() bool { return len(firsts(a.on(eventTopic))) == 50 && len(firsts(b.on(eventTopic))) == 50 })
	wantNumbers(t, firsts(a.on(eventTopic)), 50)
	cloud.kill()
	appendN(t, q, 50)
	eventually(t, time.Minute, "the others at one", func() bool { return len(firsts(a.on(eventTopic))) == 100 })
	wantNumbers(t, firsts(a.on(eventTopic)), 100)
	for _, l := range []*listener{a, b} {
		if s := l.on("plant/gw7/machine/a"); len(s) == 0 || s[0] != "normal" {
			t.Errorf("state: %v", s)
		}
	}
}

// The access control list of the page is enough for the agent, and allows no more.
func TestRecipe_leastRights(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs mosquitto; left out with -short")
	}
	dir := openDir(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	for _, user := range []string{"gw7", "reader"} {
		args := []string{"-b", file("users"), user, "s3cret"}
		if user == "gw7" {
			args = append([]string{"-c"}, args...)
		}
		if out, err := exec.Command("mosquitto_passwd", args...).CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_passwd (apt install mosquitto): %v\n%s", err, out)
		}
	}
	acl := recipe(t, "acl", "plant/plant-3/gw7/", "plant/gw7/") + "user reader\ntopic read #\n"
	for name, text := range map[string]string{"acl": acl, "secret": "s3cret\n"} {
		if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	os.Chmod(file("acl"), 0o644)
	os.Chmod(file("users"), 0o644)
	m := newMosquitto(t, "allow_anonymous false", "password_file "+file("users"), "acl_file "+file("acl"))
	o := Options{Broker: "tcp://" + m.addr, Username: "gw7", PasswordFile: file("secret")}
	q := mustSpool(t)
	c := mustNew(t, o, q)
	c.SetRetained("plant/gw7/machine/a", []byte("normal"))
	run(t, c)
	reader := Options{Broker: o.Broker, ClientID: "gw7", Username: "reader", PasswordFile: o.PasswordFile}
	eventually(t, time.Minute, "online", func() bool { return c.Connected() })
	own := o
	own.ClientID = "gw7"
	for _, user := range []Options{reader, own} {
		var found []Finding
		if !Check(t.Context(), user, below("plant/gw7"), time.Second, func(f Finding) { found = append(found, f) }) {
			t.Errorf("user %s: %+v", user.Username, found)
		}
	}
	var found []Finding
	if Check(t.Context(), reader, below("plant/gw8"), time.Second, func(f Finding) { found = append(found, f) }) || !strings.Contains(found[len(found)-2].Text, "nothing on plant/gw8/status") {
		t.Errorf("another gateway's topics: %+v", found)
	}
	c.SetRetained("plant/gw8/machine/a", []byte("of another gateway"))
	eventually(t, time.Minute, "the topic of another gateway set aside", func() bool {
		return c.Stats().Topics == 1 && strings.Contains(c.Stats().Trouble, "plant/gw8/machine/a")
	})
}

// A mosquitto with the rules of AWS IoT Core: the name in the certificate is in every
// topic. A gateway with that name delivers; one with another certificate does not reach
// its topics.
func TestRecipe_aws(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	a := newAuthority(t, dir, "ca")
	for _, name := range []string{"broker", "gw7", "gw8", "reader"} {
		a.issue(name, -time.Hour, time.Hour)
	}
	acl := recipe(t, "acl-aws") + "user reader\ntopic read #\n"
	a.write("acl-aws", []byte(acl), 0o644)
	addr := driverstest.FreeAddr(t)
	m := mosquittoOf(t, addr, recipe(t, "aws", "listener 8883", "listener "+listenerOf(addr), "/etc/mosquitto/", dir+"/"))
	file := func(name string) string { return filepath.Join(dir, name) }
	options := func(cert string) Options {
		return Options{Broker: "mqtts://" + m.addr, CA: file("ca.crt"), Cert: file(cert + ".crt"), Key: file(cert + ".key"), ClientID: "gw7", Logger: quiet}
	}
	for cert, want := range map[string]bool{"gw8": false, "gw7": true} {
		q := mustSpool(t)
		o := options(cert)
		topic := func(payload string) spool.Message {
			return spool.Message{Topic: "dt/pumps/gw7/status", Payload: []byte(payload), Retain: true}
		}
		o.Birth, o.Will, o.Offline = topic("online"), topic("offline"), topic("offline")
		c, err := New(o, q)
		if err != nil {
			t.Fatal(err)
		}
		stop := run(t, c)
		eventually(t, time.Minute, "connected", c.Connected)
		reader := options("reader")
		reader.ClientID = "reader"
		var found []Finding
		if got := Check(t.Context(), reader, below("dt/pumps/gw7"), time.Second, func(f Finding) { found = append(found, f) }); got != want {
			t.Errorf("certificate of %s: %+v", cert, found)
		}
		stop()
	}
}
