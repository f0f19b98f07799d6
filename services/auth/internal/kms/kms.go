// Package kms opens key-encryption keys that never leave a key management service. A URL names the key:
//
//	hcvault://vault.example.com:8200/transit/keys/sando
//
// is a key of HashiCorp Vault's transit engine (or of OpenBao's), not derived, of a type that takes associated data, such as aes256-gcm96. The
// address is always https. The token and the certificates come from Vault's own variables: VAULT_TOKEN, VAULT_CACERT, VAULT_NAMESPACE.
//
//	aws-kms://arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
//
// is a symmetric key of AWS KMS. Credentials come from where AWS puts them on a server: AWS_ACCESS_KEY_ID and its like, a web identity (EKS), a
// container's endpoint (ECS, EKS Pod Identity), or the role of an EC2 instance. An alias is refused: it may move, and then nothing opens.
//
//	gcp-kms://projects/acme/locations/europe-west3/keyRings/sando/cryptoKeys/credentials
//
// is a symmetric key of Google Cloud KMS, with application default credentials: GOOGLE_APPLICATION_CREDENTIALS, a workload identity, or the
// service account of the machine.
//
// What AWS and Google wrap is what Tink's own clients for them would wrap, so either can open it. AWS_ENDPOINT_URL_KMS and
// CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS, which those providers' tools know as well, lead to a private endpoint.
package kms

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"
)

// timeout bounds one question to a service, retries included.
const timeout = 10 * time.Second

// Open makes the primitive of a remote key. It asks the key's service nothing yet.
func Open(uri string) (tink.AEAD, error) {
	scheme, name, ok := strings.Cut(uri, "://")
	if !ok {
		return nil, errors.New("kms: the URL of a key looks like hcvault://vault.example.com:8200/transit/keys/sando, aws-kms://ARN or gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K")
	}
	switch scheme {
	case "hcvault":
		return openVault(uri)
	case "aws-kms":
		return openAWS(name)
	case "gcp-kms":
		return openGCP(name)
	default:
		return nil, fmt.Errorf("kms: %q is not a key management service that is built in; hcvault, aws-kms and gcp-kms are", scheme)
	}
}
