package chart

import (
	"strings"
	"testing"
)

// podSpec is what the tests look at of a pod.
type podSpec struct {
	ServiceAccountName            string   `yaml:"serviceAccountName"`
	AutomountServiceAccountToken  *bool    `yaml:"automountServiceAccountToken"`
	EnableServiceLinks            *bool    `yaml:"enableServiceLinks"`
	TerminationGracePeriodSeconds int      `yaml:"terminationGracePeriodSeconds"`
	SecurityContext               security `yaml:"securityContext"`
	Containers                    []container
	Volumes                       []struct {
		Name   string
		Secret struct {
			SecretName  string `yaml:"secretName"`
			DefaultMode int    `yaml:"defaultMode"`
		}
	}
}

type security struct {
	RunAsNonRoot             bool                  `yaml:"runAsNonRoot"`
	ReadOnlyRootFilesystem   bool                  `yaml:"readOnlyRootFilesystem"`
	AllowPrivilegeEscalation *bool                 `yaml:"allowPrivilegeEscalation"`
	SeccompProfile           struct{ Type string } `yaml:"seccompProfile"`
	Capabilities             struct{ Drop []string }
}

type container struct {
	Name            string
	Command, Args   []string
	SecurityContext security `yaml:"securityContext"`
	Ports           []struct {
		Name          string
		ContainerPort string `yaml:"containerPort"`
	}
	EnvFrom []struct {
		ConfigMapRef struct{ Name string } `yaml:"configMapRef"`
	} `yaml:"envFrom"`
	Env []struct {
		Name      string
		ValueFrom struct {
			SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	}
	LivenessProbe  probe `yaml:"livenessProbe"`
	ReadinessProbe probe `yaml:"readinessProbe"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

func (p podSpec) port(name string) string {
	for _, port := range p.Containers[0].Ports {
		if port.Name == name {
			return port.ContainerPort
		}
	}
	return ""
}

// pods gives the pods of Deployments and Jobs.
func pods(t *testing.T, all []manifest) map[string]podSpec {
	t.Helper()
	specs := make(map[string]podSpec)
	for _, m := range all {
		if m.Kind != "Deployment" && m.Kind != "Job" {
			continue
		}
		var d deployment
		if err := m.Spec.Decode(&d); err != nil {
			t.Fatal(err)
		}
		specs[m.Kind+" "+m.Metadata.Name] = d.Template.Spec
	}
	return specs
}

func TestPodsMayDoNothingTheyNeedNot(t *testing.T) {
	for _, set := range valueSets() {
		all := pods(t, manifests(t, render(t, set)))
		if len(all) < 4 {
			t.Fatalf("%s: %d pods", set, len(all))
		}
		for name, pod := range all {
			t.Run(set+"/"+name, func(t *testing.T) {
				c := pod.Containers[0].SecurityContext
				for what, ok := range map[string]bool{
					"runs as root":                        pod.SecurityContext.RunAsNonRoot && c.RunAsNonRoot,
					"may write to its file system":        c.ReadOnlyRootFilesystem,
					"may gain privileges":                 c.AllowPrivilegeEscalation != nil && !*c.AllowPrivilegeEscalation,
					"has capabilities":                    strings.Join(c.Capabilities.Drop, ",") == "ALL",
					"may make any system call":            pod.SecurityContext.SeccompProfile.Type == "RuntimeDefault" && c.SeccompProfile.Type == "RuntimeDefault",
					"may talk to the API server":          pod.AutomountServiceAccountToken != nil && !*pod.AutomountServiceAccountToken,
					"gets variables of other Services":    pod.EnableServiceLinks != nil && !*pod.EnableServiceLinks,
					"shows its secrets to other users":    secretsAreOurs(pod),
					"starts something else than a binary": len(pod.Containers[0].Command) > 0 && strings.HasPrefix(pod.Containers[0].Command[0], "/"),
				} {
					if !ok {
						t.Errorf("it %s", what)
					}
				}
			})
		}
	}
}

// secretsAreOurs: auth refuses a key ring that everybody may read.
func secretsAreOurs(pod podSpec) bool {
	for _, v := range pod.Volumes {
		if v.Secret.SecretName != "" && (v.Secret.DefaultMode&0o007 != 0 || v.Secret.DefaultMode == 0) {
			return false
		}
	}
	return true
}

func TestLivenessIsNotReadiness(t *testing.T) {
	for name, pod := range pods(t, manifests(t, render(t, "minimal"))) {
		if c := pod.Containers[0]; strings.HasPrefix(name, "Deployment") &&
			(c.LivenessProbe.HTTPGet.Path != "/healthz" || c.ReadinessProbe.HTTPGet.Path != "/readyz" || c.LivenessProbe.HTTPGet.Port != "http") {
			t.Errorf("%s: liveness %+v, readiness %+v", name, c.LivenessProbe.HTTPGet, c.ReadinessProbe.HTTPGet)
		}
	}
}
