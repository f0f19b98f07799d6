package catalog

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/catalog/internal/yamlpb"
)

const (
	integrationFile = "integration.yaml"
	unifiedFolder   = "unified"
)

// Load reads one or more trees into one catalog. A tree holds a folder per integration and the folder `unified`; files that do not end in
// `.yaml` are ignored. The error joins every fault found, each naming file, line and place.
func Load(trees ...fs.FS) (*Catalog, error) {
	l := &loader{
		catalog: &Catalog{
			integrations: make(map[string]*Integration),
			operations:   make(map[string]*catalogv1.Operation),
			unified:      make(map[unifiedKey]*catalogv1.UnifiedResource),
		},
	}
	digest := sha256.New()
	for _, tree := range trees {
		files, err := read(tree)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			fmt.Fprintf(digest, "%s\x00%d\x00%s", f.name, len(f.data), f.data)
		}
		l.integrationsOf(files)
		l.unifiedOf(files)
	}
	l.checkVerifications()
	l.checkUnified()
	if err := errors.Join(l.problems...); err != nil {
		return nil, err
	}
	l.catalog.version = hex.EncodeToString(digest.Sum(nil))
	return l.catalog, nil
}

// file is one YAML file of a tree, not yet decoded.
type file struct {
	name string
	data []byte
}

// read collects the YAML files of a tree in the order of their names.
func read(tree fs.FS) ([]file, error) {
	var files []file
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if hidden := name != "." && strings.HasPrefix(path.Base(name), "."); hidden && entry.IsDir() {
			return fs.SkipDir
		} else if hidden || entry.IsDir() {
			return nil
		}
		if path.Ext(name) == ".yml" {
			return &yamlpb.Problem{File: name, Text: "name the file .yaml"}
		}
		if path.Ext(name) != ".yaml" {
			return nil
		}
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		files = append(files, file{name, data})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	return files, nil
}

type loader struct {
	catalog  *Catalog
	problems []error
	sources  []unifiedSource
	proofs   []proof
}

// unifiedSource is a decoded mapping that is checked once all integrations are known.
type unifiedSource struct {
	file    *yamlpb.File
	message *catalogv1.UnifiedResource
}

// proof is an integration whose verification is checked once its operations are known.
type proof struct {
	file        *yamlpb.File
	integration *catalogv1.Integration
}

func (l *loader) fail(err error) {
	if err != nil {
		l.problems = append(l.problems, err)
	}
}

// decode reads a file into m and says whether it held.
func (l *loader) decode(f file, m proto.Message) (*yamlpb.File, bool) {
	src, err := yamlpb.Decode(f.name, f.data, m)
	l.fail(err)
	return src, err == nil
}

// integrationsOf loads every folder of a tree but `unified`.
func (l *loader) integrationsOf(files []file) {
	folders := make(map[string][]file)
	for _, f := range files {
		folder, rest, nested := strings.Cut(f.name, "/")
		switch {
		case !nested:
			l.fail(&yamlpb.Problem{File: f.name, Text: "belongs into the folder of an integration or into " + unifiedFolder})
		case folder == unifiedFolder:
		case strings.Contains(rest, "/"):
			l.fail(&yamlpb.Problem{File: f.name, Text: "an integration's folder has no folders"})
		default:
			folders[folder] = append(folders[folder], f)
		}
	}
	for _, folder := range sortedKeys(folders) {
		l.integration(folder, folders[folder])
	}
}

func (l *loader) integration(folder string, files []file) {
	at := slices.IndexFunc(files, func(f file) bool { return path.Base(f.name) == integrationFile })
	if at < 0 {
		l.extend(folder, files)
		return
	}
	head := files[at]
	message := new(catalogv1.Integration)
	src, ok := l.decode(head, message)
	if !ok {
		return
	}
	check := &checker{loader: l, file: src, integration: message}
	check.integrationHead(folder)
	if _, dup := l.catalog.integrations[message.GetName()]; dup {
		check.fail(message, "name", "another tree already has the integration %q", message.GetName())
		return
	}
	i := &Integration{
		Integration: message,
		base:        new(url.URL),
		files:       make(map[string]*catalogv1.ResourceFile),
		routes:      make(map[string]map[string]*catalogv1.Operation),
		tools:       make(map[string]*catalogv1.Operation),
	}
	if base, err := url.Parse(message.GetBaseUrl()); err == nil {
		i.base = base
	}
	l.catalog.integrations[message.GetName()] = i
	l.proofs = append(l.proofs, proof{src, message})

	byResource := make(map[string]file, len(files))
	for _, f := range files {
		byResource[strings.TrimSuffix(path.Base(f.name), ".yaml")] = f
	}
	delete(byResource, strings.TrimSuffix(integrationFile, ".yaml"))
	for _, name := range message.GetResources() {
		f, ok := byResource[name]
		if !ok {
			check.fail(message, "resources", "there is no %s/%s.yaml", folder, name)
			continue
		}
		delete(byResource, name)
		l.resource(i, name, f)
	}
	for _, name := range sortedKeys(byResource) {
		check.fail(message, "resources", "%s is not listed", byResource[name].name)
	}
}

// extend adds the resources of a folder without a head of its own to the integration that an earlier tree brought.
func (l *loader) extend(folder string, files []file) {
	i, ok := l.catalog.integrations[folder]
	if !ok {
		l.fail(&yamlpb.Problem{File: folder, Text: "the folder has no " + integrationFile})
		return
	}
	for _, f := range files {
		name := strings.TrimSuffix(path.Base(f.name), ".yaml")
		if _, dup := i.files[name]; dup {
			l.fail(&yamlpb.Problem{File: f.name, Text: fmt.Sprintf("%s already has the resource %q", folder, name)})
			continue
		}
		l.resource(i, name, f)
	}
}

// resource loads one file of operations into its integration.
func (l *loader) resource(i *Integration, name string, f file) {
	message := new(catalogv1.ResourceFile)
	src, ok := l.decode(f, message)
	if !ok {
		return
	}
	check := &checker{loader: l, file: src, integration: i.Integration, resource: message}
	check.resourceHead(name)
	i.resources = append(i.resources, name)
	i.files[name] = message
	i.routes[name] = make(map[string]*catalogv1.Operation)
	for _, op := range message.GetOperations() {
		if !check.operation(op) {
			continue
		}
		complete(i.Integration, message, op)
		if _, dup := i.routes[name][op.GetMethod()]; dup {
			check.fail(op, "method", "the resource already has a method %q", op.GetMethod())
			continue
		}
		if other, dup := i.tools[op.GetToolName()]; dup {
			check.fail(op, "method", "the tool name %q is already that of %s", op.GetToolName(), other.GetId())
			continue
		}
		i.routes[name][op.GetMethod()] = op
		i.tools[op.GetToolName()] = op
		i.operations = append(i.operations, op)
		l.catalog.operations[op.GetId()] = op
	}
}

// unifiedOf decodes the mappings of a tree; what they refer to may come from a later tree. Where several integrations of one tree fill
// the same resource, the file is called <resource>.<integration>.yaml.
func (l *loader) unifiedOf(files []file) {
	for _, f := range files {
		parts := strings.Split(f.name, "/")
		if parts[0] != unifiedFolder || len(parts) == 1 {
			continue
		}
		if len(parts) != 3 {
			l.fail(&yamlpb.Problem{File: f.name, Text: "mappings stand in " + unifiedFolder + "/<model>/<resource>.yaml"})
			continue
		}
		message := new(catalogv1.UnifiedResource)
		src, ok := l.decode(f, message)
		if !ok {
			continue
		}
		check := &checker{loader: l, file: src}
		resource, integration, named := strings.Cut(strings.TrimSuffix(parts[2], ".yaml"), ".")
		check.equal(message, "model", message.GetModel(), parts[1])
		check.equal(message, "resource", message.GetResource(), resource)
		if named {
			check.equal(message, "integration", message.GetIntegration(), integration)
		}
		key := unifiedKey{message.GetModel(), message.GetResource(), message.GetIntegration()}
		if _, dup := l.catalog.unified[key]; dup {
			check.fail(message, "integration", "another file already maps %s to %s/%s", key.integration, key.model, key.resource)
			continue
		}
		l.catalog.unified[key] = message
		l.sources = append(l.sources, unifiedSource{src, message})
	}
}

func (l *loader) checkVerifications() {
	for _, p := range l.proofs {
		check := &checker{loader: l, file: p.file, integration: p.integration}
		check.verification()
	}
}

func (l *loader) checkUnified() {
	for _, s := range l.sources {
		check := &checker{loader: l, file: s.file}
		check.unified(s.message)
	}
}

func compareUnified(a, b *catalogv1.UnifiedResource) int {
	return cmp.Or(cmp.Compare(a.GetModel(), b.GetModel()), cmp.Compare(a.GetResource(), b.GetResource()))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
