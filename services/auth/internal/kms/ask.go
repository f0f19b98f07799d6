package kms

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	// attempts is how often one question is sent at most.
	attempts = 3
	// pause is how long to wait before the second attempt, about; the third waits twice as long.
	pause = 100 * time.Millisecond
	// maxAnswer bounds an answer: a wrapped data key takes a few hundred bytes.
	maxAnswer = 64 << 10
)

// caller asks a service that takes and gives JSON.
type caller struct {
	service string // for errors
	client  *http.Client
	timeout time.Duration
	// prepare signs a request or adds a token.
	prepare func(ctx context.Context, r *http.Request, body []byte) error
	// fault reads the service's error; retry says that the same request may be taken later.
	fault func(status int, body []byte) (text string, retry bool)
}

// newClient follows no redirect: a request is signed for one place.
func newClient() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// ask posts a question, with headers beside those of JSON, and reads the answer. No error quotes a body, which may hold a data key.
func (c *caller) ask(target string, header map[string]string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("kms: %s: %w", c.service, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		again, err := c.once(ctx, target, header, body, answer)
		if err == nil {
			return nil
		}
		if !again || attempt == attempts || ctx.Err() != nil {
			return fmt.Errorf("kms: %s: %w", c.service, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("kms: %s: %w", c.service, err)
		case <-time.After(time.Duration(attempt) * (pause + rand.N(pause))):
		}
	}
}

func (c *caller) once(ctx context.Context, target string, header map[string]string, body []byte, answer any) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	if err := c.prepare(ctx, r, body); err != nil {
		return false, err
	}
	res, err := c.client.Do(r)
	if err != nil {
		return true, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return true, err
	}
	if res.StatusCode != http.StatusOK {
		why, again := c.fault(res.StatusCode, text)
		return again || res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500, fmt.Errorf("status %d: %s", res.StatusCode, why)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return false, errors.New("the answer is not the JSON that was expected")
	}
	return false, nil
}

// some refuses an answer without content: nothing that is wrapped here is empty.
func some(content []byte) ([]byte, error) {
	if len(content) == 0 {
		return nil, errors.New("kms: the answer holds nothing")
	}
	return content, nil
}

// endpoint reads the address of a service from a variable. Plain HTTP never leaves the machine.
func endpoint(variable, value string) (string, error) {
	u, err := url.Parse(value)
	if err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())) {
		return u.String(), nil
	}
	return "", fmt.Errorf("kms: %s must be an https URL", variable)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// short cuts a service's own words, for an error.
func short(text string) string {
	const most = 200
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}
