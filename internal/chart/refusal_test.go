package chart

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Values that could not work are refused before anything is installed, with what to do.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ name, set, want string }{
		{"an unknown key", "replicas=3", "additional properties 'replicas' not allowed"},
		{"an unknown key of a service", "proxy.replica=1", "additional properties 'replica' not allowed"},
		{"no public URL", "publicURL=", "publicURL is empty"},
		{"a public URL with a path", "publicURL=https://example.com/sando", "publicURL"},
		{"many proxies without Valkey", "proxy.replicas=2", "valkey.existingSecret is empty"},
		{"many proxies by scaling without Valkey", "proxy.autoscaling.enabled=true", "valkey.existingSecret is empty"},
		{"no database to reach", "networkPolicy.database.peers=null", "networkPolicy.database.peers is empty"},
		{"nobody to reach the services", "networkPolicy.gateway=null", "networkPolicy.gateway is empty"},
		{"Valkey that cannot be reached", "valkey.existingSecret=valkey", "networkPolicy.valkey.peers is empty"},
		{"a key management service that cannot be reached", "keys.kmsSecret=kms", "networkPolicy.kms.peers is empty"},
		{"no certificate", "mtls.certManager.enabled=false", "mtls.existingSecrets.auth is empty"},
		{"a gateway without a name", "gateway.parentRefs=null", "gateway.parentRefs is empty"},
		{"collecting metrics from no port", "serviceMonitor.enabled=true,telemetry.prometheus.enabled=false", "serviceMonitor.enabled needs"},
		{"a collector that cannot be reached", "telemetry.otlp.endpoint=http://otel:4317", "networkPolicy.telemetry.peers is empty"},
		{"Prometheus that cannot reach the pods", "serviceMonitor.enabled=true", "networkPolicy.monitoring is empty"},
		{"no time to drain", "drain.seconds=10", "drain.seconds is less than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			helm, err := filepath.Abs(filepath.Join(toolsDir, "helm"))
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), helm, "template", "sando", chartDir, "--values", valuesFile("minimal"), "--set", c.set).CombinedOutput()
			if err == nil {
				t.Fatalf("%s was taken", c.set)
			}
			if !strings.Contains(string(out), c.want) {
				t.Errorf("%s: the error does not contain %q:\n%s", c.set, c.want, out)
			}
		})
	}
}
