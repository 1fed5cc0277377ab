package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"
)

// slowloris has many clients with headers that never end.
func slowloris(t *trial) error { return t.crowded("500 slow clients", 500, 768, slow) }

// keepers has clients without the token that ask once and keep their connections.
func keepers(t *trial) error {
	return t.crowded("64 idle clients without the token", 64, 80, keep)
}

// crowded has a number of clients at the endpoint, and asks for the health meanwhile,
// with the token.
func (t *trial) crowded(fault string, clients, fdsMore int, client func(addr string, done <-chan struct{}) error) error {
	b, err := t.startBroker("")
	if err != nil {
		return err
	}
	const token = "a-token-of-the-plant"
	file := filepath.Join(t.dir, "token")
	if err := writeAll(file, token+"\n"); err != nil {
		return err
	}
	p := stream(b.addr)
	p.http = ", token_file: " + file
	a, err := t.configure(p)
	if err != nil {
		return err
	}
	a.token = token
	if err := a.start(); err != nil {
		return err
	}
	if err := a.answers(); err != nil {
		return err
	}
	for range 100 { // what the first answers cost is no client's fault
		a.get("/health")
	}
	time.Sleep(3 * time.Second)
	fds, before := a.fds(), a.memory("status", "VmRSS:")
	done := make(chan struct{})
	var all sync.WaitGroup
	for range clients {
		all.Go(func() { again(a.http, done, client) })
	}
	time.Sleep(3 * time.Second)
	stop := make(chan struct{})
	time.AfterFunc(time.Duration(t.pick(3, 10, 600))*time.Second, func() { close(stop) })
	asked := a.probe(stop)
	more, grown := a.fds()-fds, (a.memory("status", "VmRSS:")-before)/(1<<20)
	close(done)
	all.Wait()
	t.prompt(fault, asked)
	t.expect(more <= fdsMore, fault+": descriptors more", fmt.Sprintf("<= %d", fdsMore), "%+d", more)
	t.expect(grown <= 8, fault+": resident memory more", "<= 8 MiB", "%+.1f MiB", grown)
	return nil
}

// again runs a client, and once more whenever it has lost its connection.
func again(addr string, done <-chan struct{}, client func(string, <-chan struct{}) error) {
	for {
		client(addr, done)
		select {
		case <-done:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// slow sends a header a second.
func slow(addr string, done <-chan struct{}) error {
	c, err := net.DialTimeout("tcp", addr, 2*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = fmt.Fprintf(c, "GET /health HTTP/1.1\r\nHost: localhost\r\n")
	for err == nil {
		select {
		case <-done:
			return nil
		case <-time.After(time.Second):
			_, err = fmt.Fprintf(c, "X-a: b\r\n")
		}
	}
	return err
}

// keep asks once, without a token, and keeps the connection.
func keep(addr string, done <-chan struct{}) error {
	c, err := net.DialTimeout("tcp", addr, 2*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return err
	}
	r := bufio.NewReader(c)
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	io.Copy(io.Discard, answer.Body)
	closed := make(chan error, 1)
	go func() {
		_, err := r.ReadByte()
		closed <- err
	}()
	select {
	case <-done:
		return nil
	case err := <-closed:
		return err
	}
}
