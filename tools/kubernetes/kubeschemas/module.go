package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// The versions that schemas are made from. Kubernetes is the newest that the chart promises to work with.
const (
	kubernetes  = "k8s.io/kubernetes@v1.37.2"
	gatewayAPI  = "sigs.k8s.io/gateway-api@v1.6.3"
	certManager = "github.com/cert-manager/cert-manager@v1.21.2"
	prometheus  = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
)

// fetch gives the folder of a module's source. The modules are not required by go.mod: nothing is built from them, and Kubernetes' own requirements
// could not be met.
func fetch(module string) (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", module)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	cmd.Dir = os.TempDir()
	out, err := cmd.Output()
	var answer struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &answer); jsonErr != nil {
		return "", fmt.Errorf("download %s: %w", module, errors.Join(err, jsonErr))
	}
	if answer.Error != "" {
		return "", fmt.Errorf("download %s: %s", module, answer.Error)
	}
	return answer.Dir, err
}
