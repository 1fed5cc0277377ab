package main

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"

	"iot-edge-anomaly/scripts/child"
)

// mosquitto configures Eclipse Mosquitto. It saves sessions when it ends.
func mosquitto(b *broker, dir, further string) error {
	program, err := need("mosquitto", "mosquitto")
	if err != nil {
		return err
	}
	me, err := user.Current()
	if err != nil {
		return err
	}
	host, port, _ := net.SplitHostPort(b.addr)
	conf := filepath.Join(dir, "mosquitto.conf")
	b.args = []string{program, "-c", conf}
	return writeAll(conf, fmt.Sprintf("listener %s %s\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\nuser %s\npersistence true\npersistence_location %s/\n%s",
		port, host, me.Username, dir, further))
}

// nats configures a NATS server with JetStream, in which its MQTT keeps sessions and
// messages. Its own protocol has a port that it chooses.
func nats(b *broker, dir, further string) error {
	program, err := need("nats-server", "nats-server")
	if err != nil {
		return err
	}
	conf := filepath.Join(dir, "nats.conf")
	b.args = []string{program, "-c", conf}
	return writeAll(conf, fmt.Sprintf("listen: 127.0.0.1:-1\nserver_name: faults\njetstream { store_dir: %q }\nmqtt { listen: %q }\n%s", dir, b.addr, further))
}

// rabbit configures RabbitMQ with its MQTT plugin, as a node of its own: the name
// service, the ports, the cookie and the files are not those of a RabbitMQ that is
// installed here.
func rabbit(b *broker, dir, further string) error {
	program, err := need("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")
	if err != nil {
		return err
	}
	names, err := need("epmd", "erlang-base")
	if err != nil {
		return err
	}
	env, err := need("env", "coreutils")
	if err != nil {
		return err
	}
	namesAddr, err := child.FreeAddr()
	if err != nil {
		return err
	}
	nodeAddr, err := child.FreeAddr()
	if err != nil {
		return err
	}
	_, namesPort, _ := net.SplitHostPort(namesAddr)
	_, nodePort, _ := net.SplitHostPort(nodeAddr)
	conf, plugins := filepath.Join(dir, "rabbitmq.conf"), filepath.Join(dir, "plugins")
	b.helper = []string{names, "-port", namesPort, "-address", "127.0.0.1"}
	b.args = []string{env, "-i", "PATH=" + os.Getenv("PATH"), "HOME=" + dir, "ERL_EPMD_PORT=" + namesPort,
		"RABBITMQ_NODENAME=faults@localhost", "RABBITMQ_DIST_PORT=" + nodePort,
		"RABBITMQ_MNESIA_BASE=" + dir, "RABBITMQ_LOG_BASE=" + dir, "RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_CONFIG_FILE=" + conf, "RABBITMQ_ADVANCED_CONFIG_FILE=" + conf + ".advanced", "RABBITMQ_ENABLED_PLUGINS_FILE=" + plugins,
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false", program}
	return writeAll(plugins, "[rabbitmq_mqtt].\n", conf, fmt.Sprintf(
		"listeners.tcp = none\nmqtt.listeners.tcp.1 = %s\nmqtt.allow_anonymous = true\nmqtt.default_user = guest\nmqtt.default_pass = guest\nlog.console = true\nlog.file = false\n%s", b.addr, further))
}
