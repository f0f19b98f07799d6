// Command ociimage puts file trees into one OCI image, one platform each, without a daemon and without a base. The image is the same, byte by byte,
// for the same trees: no clock and no user of this machine gets into it.
//
//	ociimage -o image.tar -created 2026-01-02T15:04:05Z -label org.opencontainers.image.version=v1.2.3 linux/amd64=DIR linux/arm64=DIR
//
// The archive holds an OCI layout: podman load, skopeo copy oci-archive: and, unpacked, crane push take it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ociimage:", err)
		os.Exit(1)
	}
}

// options are what is said of every platform's image.
type options struct {
	created time.Time
	user    string
	command []string
	labels  map[string]string
}

func run(args []string) error {
	o := options{labels: make(map[string]string)}
	flags := flag.NewFlagSet("ociimage", flag.ContinueOnError)
	out := flags.String("o", "", "archive to write")
	created := flags.String("created", "", "time of the commit, RFC 3339")
	command := flags.String("cmd", "", "what it runs when nothing is said, words separated by spaces")
	flags.StringVar(&o.user, "user", "65532:65532", "user and group that it runs as")
	flags.Func("label", "name=value, several times", func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("a label is name=value")
		}
		o.labels[name] = value
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *out == "" || flags.NArg() == 0 {
		return errors.New("give -o and at least one platform=folder")
	}
	var err error
	if o.created, err = time.Parse(time.RFC3339, *created); err != nil {
		return fmt.Errorf("-created: %w", err)
	}
	o.command = strings.Fields(*command)
	index, err := o.index(flags.Args())
	if err != nil {
		return err
	}
	return archive(*out, index)
}

// index makes an image per platform and lists them.
func (o options) index(trees []string) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, tree := range trees {
		name, dir, ok := strings.Cut(tree, "=")
		platform, err := v1.ParsePlatform(name)
		if !ok || err != nil {
			return nil, fmt.Errorf("%q is not platform=folder: %w", tree, err)
		}
		image, err := o.image(*platform, dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	return index, nil
}

// image makes one platform's image of a folder: a layer for each file, so that what did not change is not sent again.
func (o options) image(platform v1.Platform, dir string) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.ConfigFile(image, &v1.ConfigFile{
		OS: platform.OS, Architecture: platform.Architecture, Variant: platform.Variant,
		Created: v1.Time{Time: o.created},
		RootFS:  v1.RootFS{Type: "layers"},
		Config:  v1.Config{User: o.user, Cmd: o.command, Labels: o.labels, WorkingDir: "/", Env: []string{"PATH=/"}},
	})
	if err != nil {
		return nil, err
	}
	files, err := filesOf(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		layer, err := f.layer()
		if err != nil {
			return nil, err
		}
		history := v1.History{Created: v1.Time{Time: o.created}, CreatedBy: "add /" + f.name}
		if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: history, MediaType: types.OCILayer}); err != nil {
			return nil, err
		}
	}
	return image, nil
}

// archive writes an OCI layout and packs it.
func archive(name string, index v1.ImageIndex) error {
	dir, err := os.MkdirTemp("", "ociimage-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if _, err := layout.Write(dir, index); err != nil {
		return err
	}
	return pack(name, dir)
}
