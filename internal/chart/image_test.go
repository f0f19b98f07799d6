package chart

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The image holds the binaries that the chart starts.
func TestImageHoldsWhatTheChartStarts(t *testing.T) {
	var packed []string
	for _, m := range regexp.MustCompile(`(?m)^  (\w+)=\./`).FindAllStringSubmatch(string(file(t, "../../deploy/container/tree.sh")), -1) {
		packed = append(packed, "/"+m[1])
	}
	for name, pod := range pods(t, manifests(t, render(t, "production"))) {
		if command := pod.Containers[0].Command[0]; !slices.Contains(packed, command) {
			t.Errorf("%s starts %s, and the image holds %v", name, command, packed)
		}
	}
}

func TestScriptsOfTheImageParse(t *testing.T) {
	for _, script := range []string{"tree.sh", "build.sh"} {
		if out, err := exec.CommandContext(t.Context(), "bash", "-n", filepath.Join("../../deploy/container", script)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", script, err, out)
		}
	}
}

// An image of a small tree: what it says of itself, who owns what, and that the same tree gives the same bytes.
func TestImage(t *testing.T) {
	tree := t.TempDir()
	for name, mode := range map[string]os.FileMode{"authd": 0o755, "etc/ssl/certs/ca-certificates.crt": 0o600} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(tree, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(tree, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	archives := make([][]byte, 2)
	for i := range archives {
		out := filepath.Join(t.TempDir(), "image.tar")
		tool(t, nil, "ociimage", "-o", out, "-created", "2026-01-02T15:04:05Z", "-cmd", "/sando serve",
			"-label", "org.opencontainers.image.version=v1.2.3", "linux/amd64="+tree, "linux/arm64="+tree)
		archives[i] = file(t, out)
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("two images of one tree differ")
	}
	blobs := untar(t, archives[0])
	var index struct {
		Manifests []struct {
			Digest   string
			Platform struct{ Architecture string }
		}
	}
	decode(t, blobs["index.json"], &index)
	var architectures []string
	for _, m := range index.Manifests {
		architectures = append(architectures, m.Platform.Architecture)
	}
	if diff := cmp.Diff([]string{"amd64", "arm64"}, architectures); diff != "" {
		t.Errorf("architectures (-want +got):\n%s", diff)
	}
	var manifest struct{ Config struct{ Digest string } }
	decode(t, blobs[blob(index.Manifests[0].Digest)], &manifest)
	var image struct {
		Created string
		Config  struct {
			User   string
			Cmd    []string
			Labels map[string]string
		}
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	decode(t, blobs[blob(manifest.Config.Digest)], &image)
	if image.Config.User != "65532:65532" || image.Created != "2026-01-02T15:04:05Z" || len(image.RootFS.DiffIDs) != 2 ||
		strings.Join(image.Config.Cmd, " ") != "/sando serve" || image.Config.Labels["org.opencontainers.image.version"] != "v1.2.3" {
		t.Errorf("the image says %+v", image)
	}
}

func blob(digest string) string { return "blobs/" + strings.Replace(digest, ":", "/", 1) }

func decode(t *testing.T, text []byte, dst any) {
	t.Helper()
	if err := json.Unmarshal(text, dst); err != nil {
		t.Fatal(err)
	}
}

func untar(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}
