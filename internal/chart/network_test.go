package chart

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/services/auth"
	"github.com/sando-dev/sando/services/proxy"
	"github.com/sando-dev/sando/services/unified"
)

type policy struct {
	PolicyTypes []string `yaml:"policyTypes"`
	Ingress     []struct {
		From  []peer
		Ports []struct{ Port string }
	}
	Egress []struct {
		To    []peer
		Ports []struct{ Port string }
	}
}

type peer struct {
	PodSelector struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	} `yaml:"podSelector"`
	IPBlock struct{ CIDR string } `yaml:"ipBlock"`
}

func (p peer) component() string { return p.PodSelector.MatchLabels["app.kubernetes.io/component"] }

// The network lets in whom the certificate lets in, and nobody else.
func TestCallersAreThoseOfTheCertificates(t *testing.T) {
	policies := ofKind[policy](t, manifests(t, render(t, "production")), "NetworkPolicy")
	for service, allowed := range map[string][]string{
		"auth": auth.Callers(), "proxy": proxy.Callers(), "unified": unified.Callers(), "mcp": nil,
	} {
		var callers []string
		for _, rule := range policies["sando-"+service].Ingress {
			if rule.Ports[0].Port != "internal" {
				continue
			}
			for _, from := range rule.From {
				callers = append(callers, from.component())
			}
		}
		slices.Sort(callers)
		slices.Sort(allowed)
		if diff := cmp.Diff(allowed, callers); diff != "" {
			t.Errorf("%s: callers by network policy (-allowed by certificate +by network):\n%s", service, diff)
		}
	}
}

// Where each pod may connect to: components of ours, DNS, and addresses of the values.
func TestWhereTrafficGoes(t *testing.T) {
	want := map[string]string{
		"auth":    "dns:53 proxy:internal 10.20.0.0/24:5432 10.20.2.0/24:8200 203.0.113.11/32:443 otel:4317",
		"proxy":   "dns:53 auth:internal 10.20.0.0/24:5432 203.0.113.10/32:443 otel:4317 10.20.1.0/24:6379",
		"unified": "dns:53 auth:internal proxy:internal 10.20.0.0/24:5432 otel:4317",
		"mcp":     "dns:53 auth:internal proxy:internal unified:internal otel:4317",
		"migrate": "dns:53 10.20.0.0/24:5432",
	}
	policies := ofKind[policy](t, manifests(t, render(t, "production")), "NetworkPolicy")
	for service, destinations := range want {
		p := policies["sando-"+service]
		if strings.Join(p.PolicyTypes, " ") != "Ingress Egress" {
			t.Errorf("%s: policy types %v", service, p.PolicyTypes)
		}
		var got []string
		for _, rule := range p.Egress {
			to, port := rule.To[0], rule.Ports[0].Port
			name := to.component()
			switch {
			case to.IPBlock.CIDR != "":
				name = to.IPBlock.CIDR
			case port == "53":
				name = "dns"
			case name == "":
				name = "otel"
			}
			got = append(got, name+":"+port)
		}
		if strings.Join(got, " ") != destinations {
			t.Errorf("%s may connect to %s, want %s", service, strings.Join(got, " "), destinations)
		}
	}
}

// With workload identity there is no secret to sign in with, and auth still reaches the key management service and the metadata server.
func TestKeyServiceWithoutASecret(t *testing.T) {
	rendered := render(t, "minimal", "--set", "networkPolicy.kms.peers[0].ipBlock.cidr=0.0.0.0/0", "--set", "networkPolicy.kms.ports={443,80}")
	for service, p := range ofKind[policy](t, manifests(t, rendered), "NetworkPolicy") {
		var ports []string
		for _, rule := range p.Egress {
			if rule.To[0].IPBlock.CIDR == "0.0.0.0/0" && len(rule.Ports) == 2 {
				ports = append(ports, rule.Ports[0].Port, rule.Ports[1].Port)
			}
		}
		if want := service == "sando-auth"; slices.Equal(ports, []string{"443", "80"}) != want || !want && len(ports) > 0 {
			t.Errorf("%s reaches the key management service on %v", service, ports)
		}
	}
}

func TestCertificatesHaveOneName(t *testing.T) {
	type certificate struct {
		URIs   []string `yaml:"uris"`
		IsCA   bool     `yaml:"isCA"`
		Usages []string
	}
	for _, set := range []string{"minimal", "production"} {
		found := 0
		for name, c := range ofKind[certificate](t, manifests(t, render(t, set)), "Certificate") {
			if c.IsCA {
				continue
			}
			found++
			if want := "spiffe://sando/" + strings.TrimPrefix(name, "sando-"); len(c.URIs) != 1 || c.URIs[0] != want {
				t.Errorf("%s: names %v, want %s alone", name, c.URIs, want)
			}
			if !slices.Contains(c.Usages, "server auth") || !slices.Contains(c.Usages, "client auth") {
				t.Errorf("%s: usages %v, and a service is both client and server", name, c.Usages)
			}
		}
		if found != len(services()) {
			t.Errorf("%s: %d certificates of services", set, found)
		}
	}
}
