package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"iot-edge-anomaly/agent/alerts"
	"iot-edge-anomaly/agent/demo"
	"iot-edge-anomaly/scripts/child"
)

// stack is the monitoring: Alertmanager, Prometheus, and VictoriaMetrics with vmalert.
type stack struct {
	dir                           string
	prometheus, victoria, manager string // addresses
	running                       []*child.Process
	victoriaMetrics               *child.Process
}

// startStack writes the configurations from those of board/monitoring and starts all.
func startStack(dir, hook, victoria string, agents ...*agent) (*stack, error) {
	s := &stack{dir: dir, victoria: victoria}
	for _, addr := range []*string{&s.prometheus, &s.manager} {
		var err error
		if *addr, err = demo.FreeAddr("127.0.0.1:0"); err != nil {
			return nil, err
		}
	}
	var targets []string
	for _, a := range agents {
		targets = append(targets, strconv.Quote(a.addr))
	}
	scrape := "scrape_configs:\n  - job_name: iot-edge-anomaly\n    static_configs: [{targets: [" + strings.Join(targets, ", ") + "]}]\n"
	routes, err := os.ReadFile("board/monitoring/alertmanager.yml")
	if err != nil {
		return nil, err
	}
	quick := strings.NewReplacer("127.0.0.1:9094", hook, "group_wait: 10s", "group_wait: 1s", "group_wait: 5m", "group_wait: 1s", "group_interval: 1m", "group_interval: 1s",
		"repeat_interval: 5m", "repeat_interval: 10s", "repeat_interval: 30m", "repeat_interval: 60s", "repeat_interval: 4h", "repeat_interval: 480s")
	for name, text := range map[string]string{
		"rules.yml":        alerts.Rules(faster),
		"alertmanager.yml": quick.Replace(string(routes)),
		"prometheus.yml": "global: {scrape_interval: 2s, evaluation_interval: 2s, external_labels: {source: prometheus}}\nrule_files: [rules.yml]\n" +
			"alerting: {alertmanagers: [{static_configs: [{targets: [\"" + s.manager + "\"]}]}]}\n" + scrape,
		"victoria.yml": "global: {scrape_interval: 2s}\n" + scrape,
	} {
		if err := os.WriteFile(s.file(name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	for _, c := range []struct {
		name, pkg string
		args      []string
	}{
		{"prometheus-alertmanager", "prometheus-alertmanager", []string{"--config.file=" + s.file("alertmanager.yml"), "--storage.path=" + s.file("alertmanager"), "--web.listen-address=" + s.manager, "--cluster.listen-address="}},
		{"prometheus", "prometheus", []string{"--config.file=" + s.file("prometheus.yml"), "--storage.tsdb.path=" + s.file("tsdb"), "--web.listen-address=" + s.prometheus, "--query.lookback-delta=10s"}},
		{"vmalert", "victoria-metrics", []string{"-rule=" + s.file("rules.yml"), "-datasource.url=http://" + s.victoria, "-notifier.url=http://" + s.manager, "-external.label=source=vmalert", "-evaluationInterval=2s", "-httpListenAddr=127.0.0.1:0"}},
	} {
		p, err := s.start(c.name, c.pkg, c.args)
		if err != nil {
			s.end()
			return nil, err
		}
		s.running = append(s.running, p)
	}
	if err := s.startVictoria(); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// startVictoria starts VictoriaMetrics, with what it has on disk.
func (s *stack) startVictoria() (err error) {
	s.victoriaMetrics, err = s.start("victoria-metrics", "victoria-metrics", []string{"-promscrape.config=" + s.file("victoria.yml"), "-storageDataPath=" + s.file("victoria"),
		"-httpListenAddr=" + s.victoria, "-search.latencyOffset=0s", "-retentionPeriod=1d"})
	return err
}

func (s *stack) file(name string) string { return filepath.Join(s.dir, name) }

func (s *stack) start(name, pkg string, args []string) (*child.Process, error) {
	path, err := child.Find(name, pkg)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(s.file(name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	return child.Start(log, append([]string{path}, args...)...)
}

// end ends what was started.
func (s *stack) end() {
	for _, p := range append(s.running, s.victoriaMetrics) {
		p.End(syscall.SIGTERM)
	}
}

// value is the value of an expression of one series, asked of Prometheus.
func (s *stack) value(expr string) (float64, error) { return ask(s.prometheus, expr) }

// ask asks a server for the value of an expression of one series.
func ask(addr, expr string) (float64, error) {
	client := http.Client{Timeout: 10 * time.Second}
	r, err := client.Get("http://" + addr + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	var answer struct {
		Error string
		Data  struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		return 0, err
	}
	if answer.Error != "" || len(answer.Data.Result) != 1 {
		return 0, fmt.Errorf("%s: %d series %s", expr, len(answer.Data.Result), answer.Error)
	}
	text, _ := answer.Data.Result[0].Value[1].(string)
	return strconv.ParseFloat(text, 64)
}

// waitForSeries waits until an expression has a value.
func (s *stack) waitForSeries(expr string, want float64) error {
	var got float64
	var err error
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(time.Second) {
		if got, err = s.value(expr); err == nil && got == want {
			return nil
		}
	}
	return fmt.Errorf("%s is %v (%v), want %v", expr, got, err, want)
}
