// Package kms opens key-encryption keys that never leave a key management service. A URL names the key:
//
//	hcvault://vault.example.com:8200/transit/keys/sando
//
// is a key of HashiCorp Vault's transit engine (or of OpenBao's), not derived, of a type that takes associated data, such as aes256-gcm96. The
// address is always https. The token and the certificates come from Vault's own variables: VAULT_TOKEN, VAULT_CACERT, VAULT_NAMESPACE.
package kms

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// timeout bounds one question to the service.
const timeout = 10 * time.Second

// Open makes the primitive of a remote key. It asks nothing yet.
func Open(uri string) (tink.AEAD, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, errors.New("kms: the URL of a key looks like hcvault://vault.example.com:8200/transit/keys/sando")
	}
	if u.Scheme != "hcvault" {
		return nil, fmt.Errorf("kms: %q is not a key management service that is built in; hcvault is", u.Scheme)
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
