package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sando-dev/sando/internal/allinone"
	"github.com/sando-dev/sando/services/auth"
)

// seed makes an environment and a token as an operator would, then links an account and makes an MCP server as a vendor would: over the API.
type seed struct {
	product       *allinone.Product
	base          string
	emulator, key string
}

// ready is what the ready file and the banner tell.
type ready struct {
	BaseURL             string `json:"base_url"`
	APIToken            string `json:"api_token"`
	EnvironmentID       string `json:"environment_id"`
	IntegratedAccountID string `json:"integrated_account_id"`
	MCPURL              string `json:"mcp_url"`
	MCPToken            string `json:"mcp_token"`
	EmulatorURL         string `json:"emulator_url"`
	// EmulatorCA vouches for the stand-in's certificate, in PEM.
	EmulatorCA  string `json:"emulator_ca,omitempty"`
	ToriiAPIKey string `json:"torii_api_key"`
}

func (s seed) run(ctx context.Context) (ready, error) {
	r := ready{BaseURL: s.base, EmulatorURL: s.emulator, ToriiAPIKey: s.key}
	if err := s.waitReady(ctx); err != nil {
		return r, err
	}
	operator := s.product.Auth.Operator()
	var err error
	if r.EnvironmentID, err = operator.CreateEnvironment(ctx, "development"); err != nil {
		return r, err
	}
	if _, r.APIToken, err = operator.CreateToken(ctx, auth.TokenSpec{EnvironmentID: r.EnvironmentID, Name: "sando-dev"}); err != nil {
		return r, err
	}
	var account struct{ ID string }
	err = s.post(ctx, r.APIToken, "/integrated-account", map[string]any{
		"tenant_id": "acme", "integration": "torii", "context": map[string]string{"api_key": s.key},
	}, &account)
	if err != nil {
		return r, err
	}
	r.IntegratedAccountID = account.ID
	var server struct{ Token, URL string }
	err = s.post(ctx, r.APIToken, "/integrated-account/"+account.ID+"/mcp", map[string]any{"name": "development"}, &server)
	r.MCPURL, r.MCPToken = server.URL, server.Token
	return r, err
}

// waitReady waits until the product says that it serves.
func (s seed) waitReady(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if res, err := http.Get(s.base + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (s seed) post(ctx context.Context, token, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if text, err = io.ReadAll(res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: status %d: %s", path, res.StatusCode, text)
	}
	return json.Unmarshal(text, answer)
}
