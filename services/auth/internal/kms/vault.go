package kms

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/tink"
)

func openVault(uri string) (tink.AEAD, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, errors.New("kms: the URL of a key in Vault looks like hcvault://vault.example.com:8200/transit/keys/sando")
	}
	cfg := api.DefaultConfig()
	if cfg.Error != nil {
		return nil, fmt.Errorf("kms: vault: %w", cfg.Error)
	}
	cfg.Address, cfg.Timeout = "https://"+u.Host, timeout
	client, err := api.NewClient(cfg)
	if err != nil {
		return nil, fmt.Errorf("kms: vault: %w", err)
	}
	if client.Token() == "" {
		return nil, errors.New("kms: VAULT_TOKEN is not set")
	}
	key, err := hcvault.NewAEAD(u.Path, client.Logical())
	if err != nil {
		return nil, fmt.Errorf("kms: vault: %w", err)
	}
	return key, nil
}
