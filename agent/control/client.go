package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"

	"iot-edge-anomaly/agent/config"
)

// ErrNotRunning tells that no agent listens on the socket.
var ErrNotRunning = errors.New("no agent answers")

// maxAnswer bounds what a client reads.
const maxAnswer = 16 << 20

// getTime bounds Get: an agent that is frozen must not freeze whoever supervises it.
var getTime = 30 * time.Second // a variable for tests

// Get asks the agent for what it knows and decodes it into answer.
func Get(ctx context.Context, socket, verb string, answer any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, getTime, fmt.Errorf("none within %v", getTime))
	defer cancel()
	return call(ctx, socket, "GET", verb, nil, answer)
}

// Ask is Get with content.
func Ask(ctx context.Context, socket, verb string, request, answer any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, getTime, fmt.Errorf("none within %v", getTime))
	defer cancel()
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	return call(ctx, socket, "GET", verb, body, answer)
}

// Post asks the agent for a change and waits until it is made. request is encoded as
// JSON; nil = nothing. The error is ErrNotRunning if no agent listens, and a
// config.Refusal if the agent says so.
func Post(ctx context.Context, socket, verb string, request, answer any) error {
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return err
		}
	}
	return call(ctx, socket, "POST", verb, body, answer)
}

// PostContent asks as Post does, and sends content with the request.
func PostContent(ctx context.Context, socket, verb string, request any, content []byte, answer any) error {
	if len(content) > MaxContent {
		return fmt.Errorf("%d bytes: want at most %d", len(content), MaxContent)
	}
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	return call(ctx, socket, "POST", verb, append(append(body, '\n'), content...), answer)
}

func call(ctx context.Context, socket, method, verb string, body []byte, answer any) error {
	if socket == "" {
		return errors.New("control.socket is empty: the agent cannot be asked")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return explain(socket, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	req, err := http.NewRequest(method, "http://agent/v1/"+verb, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Close = true
	if err := req.Write(conn); err != nil {
		return fmt.Errorf("ask the agent: %w", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("the agent gave no answer: %w", err)
	}
	defer resp.Body.Close()
	return decode(resp, answer)
}

// decode reads the answer to a request, or the error that it is.
func decode(resp *http.Response, answer any) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("the agent's answer: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(b, answer); err != nil {
			return fmt.Errorf("the agent's answer: %w", err)
		}
		return nil
	}
	var f failure
	if json.Unmarshal(b, &f) != nil || f.Error == "" {
		return fmt.Errorf("the agent answers %s: is it of another version?", resp.Status)
	}
	if err = errors.New(f.Error); f.Refused {
		err = config.Refuse(err)
	}
	return err
}

// explain says what an error of connecting means.
func explain(socket string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s: %w", socket, ErrNotRunning)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: you may not ask the agent: be root or in the group iot-edge-anomaly", socket)
	}
	return fmt.Errorf("ask the agent: %w", err)
}
