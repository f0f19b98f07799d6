package catalog

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

const acme = "testdata/acme"

// tree reads a directory into memory so that a test can change it.
func tree(t testing.TB, dir string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		out[filepath.ToSlash(name)] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSecondIntegrationStandsBesideTheFirst(t *testing.T) {
	c, err := LoadDirs(acme)
	if err != nil {
		t.Fatalf("LoadDirs: %v", err)
	}
	if diff := cmp.Diff([]string{"acme", "torii"}, c.Integrations()); diff != "" {
		t.Errorf("integrations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"list_all_acme_accounts", "list_all_acme_people", "update_a_acme_person_by_id"}, toolNames(c.Operations("acme"))); diff != "" {
		t.Errorf("tools (-want +got):\n%s", diff)
	}
	for _, integration := range c.Integrations() {
		u, ok := c.Unified("user-directory", "users", integration)
		if !ok || u.GetIntegration() != integration {
			t.Errorf("users of %s: got %q, %t", integration, u.GetIntegration(), ok)
		}
	}
	if c.Version() == load(t).Version() {
		t.Error("another tree gives the same version")
	}
}

func TestLoaderCompletesOperations(t *testing.T) {
	c, err := Load(os.DirFS(acme))
	if err != nil {
		t.Fatal(err)
	}
	list := operation(t, c, "acme.people.list")
	if got := list.GetRateLimitPerMinute(); got != DefaultRateLimit {
		t.Errorf("limit is %d, want the default %d", got, DefaultRateLimit)
	}
	if got, want := list.GetDescription(), "Lists people. Pages hold at most 50 records: pass limit to set the size and next_cursor with the same filters, until it is null, to continue. Acme allows 60 calls a minute."; got != want {
		t.Errorf("description is %q, want %q", got, want)
	}
	update := operation(t, c, "acme.people.update")
	if update.GetKind() != catalogv1.Kind_KIND_UPDATE || !update.GetRequest().GetParameters()[0].GetRequired() {
		t.Errorf("kind %s, path parameter required %t", update.GetKind(), update.GetRequest().GetParameters()[0].GetRequired())
	}
	if got := update.GetVariants()[0].GetRateLimitPerMinute(); got != DefaultRateLimit {
		t.Errorf("limit of the variant is %d, want %d", got, DefaultRateLimit)
	}
}

func TestTreeMayExtendAnEarlierIntegration(t *testing.T) {
	more := fstest.MapFS{"torii/gadgets.yaml": &fstest.MapFile{Data: []byte(strings.NewReplacer("accounts", "gadgets", "account", "gadget").
		Replace(string(tree(t, acme)["acme/accounts.yaml"].Data)))}}
	c, err := Load(Data(), more)
	if err != nil {
		t.Fatal(err)
	}
	if op, ok := c.ByTool("torii", "list_all_torii_gadgets"); !ok || op.GetId() != "torii.gadgets.list" {
		t.Errorf("the added operation is %q, %t", op.GetId(), ok)
	}
	if _, err := Load(Data(), more, more); err == nil {
		t.Error("the same resource was added twice")
	}
}

// TestLoadRefuses changes one thing of a sound tree at a time.
func TestLoadRefuses(t *testing.T) {
	const (
		head     = "acme/integration.yaml"
		accounts = "acme/accounts.yaml"
		people   = "acme/people.yaml"
		users    = "unified/user-directory/users.yaml"
		account  = `  - method: list
    effect: read
    idempotent: true
    title: Show the account again
    description: Shows the account.
    tags: [accounts]
    confidence: high
    request: {http_method: GET, path: /account}
    response: {shape: object}
`
	)
	tests := []struct {
		name, file, old, new string
		want                 string
	}{
		{"unknown key", people, "title: List people", "titel: List people", `acme/people.yaml:8: operations[0].titel: unknown key; did you mean "title"?`},
		{"key twice", people, "title: List people", "title: List people\n    title: Again", `acme/people.yaml:9: operations[0].title: the key appears twice`},
		{"text that YAML reads as a number", head, "Accept: application/json", "Accept: 1.10", `acme/integration.yaml:6: headers.Accept: must be text; write "1.10" in quotes`},
		{"unknown enum value", people, "effect: read", "effect: reads", `acme/people.yaml:6: operations[0].effect: "reads" is not one of read, write, destructive`},
		{"no value", people, "title: List people", "title:", `operations[0].title: has no value`},
		{"second document", people, "resource: people", "--- {}\n---\nresource: people", `acme/people.yaml: the file holds more than one document`},
		{"derived value given", people, "- method: list", "- method: list\n    tool_name: x", `operations[0].tool_name: is filled in by the loader`},
		{"missing effect", people, "    effect: read\n", "", `operations[0].effect: is missing`},
		{"read that is no read", people, "effect: read", "effect: write", `operations[0].effect: list is a read`},
		{"read not idempotent", people, "    idempotent: true\n", "", `operations[0].idempotent: a read is idempotent`},
		{"missing title", people, "    title: List people\n", "", `operations[0].title: is missing`},
		{"description without full stop", people, "description: Lists people.", "description: Lists people", `operations[0].description: ends with a full stop`},
		{"no tags", people, "    tags: [people]\n    confidence: high\n", "    confidence: high\n", `operations[0].tags: is missing`},
		{"unknown confidence", people, "confidence: high", "confidence: sure", `operations[0].confidence: "sure" is not one of high, medium, low`},
		{"negative limit", people, "rate_limit_per_minute: 7", "rate_limit_per_minute: -7", `must not be negative`},
		{"unknown parameter in the path", people, "/teams/{id_team}/people", "/teams/{id_taem}/people", `acme/people.yaml:14: operations[0].request.path: {id_taem} is not a path parameter; did you mean "id_team"?`},
		{"place inside a segment", people, "/teams/{id_team}/people", "/teams/x{id_team}/people", `a place is a whole segment`},
		{"relative path", people, "/teams/{id_team}/people", "/../{id_team}/people", `has an empty or relative segment`},
		{"parameter without a place", people, "/teams/{id_team}/people", "/people", `has no place for the parameter "id_team"`},
		{"provider's spelling in the path", people, "name: id_team", "name: idTeam", `path parameters are ours`},
		{"clash of flat arguments", people, "name: nick_name", "name: id", `the argument "id" appears twice among path, query and body`},
		{"argument of sando's", people, "- {name: name, in", "- {name: next_cursor, in", `the argument "next_cursor" is sando's own`},
		{"paging parameter declared", people, "- {name: name, in", "- {name: page, in", `"page" is how pages are asked for`},
		{"default of an unknown parameter", people, "        name: anybody", "        nmae: anybody", `operations[0].request.default_query: there is no query parameter "nmae"`},
		{"update without id", people, "- {name: id, in: path", "- {name: id_person, in: path", `update needs the path parameter id`},
		{"list with id", people, "- {name: id_team, in", "- {name: id, in", `list has no path parameter id`},
		{"bad paging style", people, "style: page_number", "style: pages", `"pages" is not one of cursor, offset, index, limit_only, page_number`},
		{"paging without style", people, "style: page_number, ", "", `operations[0].paging.style: is missing`},
		{"paging without position", people, "position_parameter: page, ", "", `paging.position_parameter: is missing`},
		{"paging with foreign key", people, "default_size: 10", "next_key: next, default_size: 10", `paging.next_key: has no meaning in this style`},
		{"default above maximum", people, "default_size: 10", "default_size: 51", `must be above zero and not below default_size`},
		{"paging of an object", people, "shape: array", "shape: object", `only an array has pages`},
		{"id key that no row has", people, "id_key: key", "id_key: number", `response.id_key: the rows have no field "number"`},
		{"D2: aggregations that nothing asks for", people, "shape: array", "shape: array\n      aggregations_key: sums", `response.aggregations_key: goes together with aggregations_parameter`},
		{"D2: aggregations by an unknown parameter", people, "shape: array", "shape: array\n      aggregations_key: sums\n      aggregations_parameter: sum", `response.aggregations_parameter: there is no query parameter "sum"`},
		{"D2: aggregations under the key of the data", people, "shape: array", "shape: array\n      aggregations_key: people\n      aggregations_parameter: name", `response.aggregations_key: "people" means something else`},
		{"unknown type", people, "schema: {types: [string], default: x}", "schema: {types: [text], default: x}", `body.fields[0].schema.types: "text" is not one of`},
		{"default outside the values", people, "enum: [a, b]", "enum: [a, b], default: c", `"c" is not one of the values`},
		{"schema missing", people, "{name: kind, schema: {types: [string], enum: [a, b]}}", "{name: kind}", `body.fields[1].schema: is missing`},
		{"variant on an unknown field", people, "when_body_has: kind", "when_body_has: sort", `the operation's body has no field "sort"`},
		{"method twice", accounts, "operations:\n", "operations:\n" + account, `operations[1].method: the resource already has a method "list"`},
		{"singular in capitals", people, "singular: person", "singular: Person", `singular: "Person" is not lower-case words`},
		{"file and resource differ", people, "resource: people", "resource: persons", `acme/people.yaml:1: resource: is "persons" but the file's place says "people"`},
		{"unlisted file", head, "resources: [accounts, people]", "resources: [accounts]", `resources: acme/people.yaml is not listed`},
		{"listed file missing", head, "resources: [accounts, people]", "resources: [accounts, people, pets]", `resources: there is no acme/pets.yaml`},
		{"plain http", head, "http://127.0.0.1:9/api", "http://acme.example/api", `base_url: must be https`},
		{"credential in the URL", head, "http://127.0.0.1:9/api", "https://a:b@acme.example", `base_url: must be a scheme, a host and a path`},
		{"unknown credential field", head, "Bearer {access_token}", "Bearer {acces_token}", `there is no credential field "acces_token"; did you mean "access_token"?`},
		{"header with line break", head, "Accept: application/json", `Accept: "a\nb"`, `the value of Accept has a line break`},
		{"pattern that does not compile", head, "label: Client id,", "label: Client id, pattern: '(',", `pattern: does not compile`},
		{"verification of nothing", head, "acme.accounts.list", "acme.account.list", `there is no operation "acme.account.list"; did you mean "acme.accounts.list"?`},
		{"verification that needs arguments", head, "acme.accounts.list", "acme.people.list", `needs the argument "id_team"`},
		{"wildcard of a whole domain", head, "label: Acme\n", "label: Acme\ndownload_hosts: ['evil.*']\n", `download_hosts: "evil.*" is not a lower-case host name`},
		{"bad pointer", head, "message_pointer: /error/text", "message_pointer: error.text", `"error.text" is not a JSON pointer`},
		{"mapping of an unknown operation", users, "operation: acme.people.list", "operation: acme.people.get", `there is no operation "acme.people.get"`},
		{"mapping without a needed parameter", users, ", parameters: {id_team: group_id}", "", `acme.people.list needs "id_team"`},
		{"mapping with an unknown parameter", users, "{id_team: group_id}", "{id_team: group_id, team: x}", `acme.people.list has no parameter "team"`},
		{"mapping without id", users, "name: id, path", "name: name, path", `fields: has no id`},
		{"two origins of a field", users, "path: [/key]", "path: [/key], constant: '1'", `fields[0].name: id needs exactly one of`},
		{"constant that is no JSON", users, "path: [/key]", "constant: abc", `"abc" is not a JSON value`},
		{"filter pushed nowhere", users, "parameter: name,", "", `an upstream filter, and no other, names a parameter`},
		{"filter parameter that nothing takes", users, "name: group_id, runs", "name: team_id, runs", `no source takes the parameter "team_id"`},
		{"update of an unknown field", users, "target: nick_name", "target: nickname", `the body of acme.people.update has no field "nickname"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := tree(t, acme)
			text := string(files[tt.file].Data)
			if !strings.Contains(text, tt.old) {
				t.Fatalf("%s does not contain %q", tt.file, tt.old)
			}
			files[tt.file].Data = []byte(strings.Replace(text, tt.old, tt.new, 1))
			_, err := Load(files)
			if err == nil {
				t.Fatal("it was loaded")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// Two rows can derive one tool name although resources and methods differ: nick/name_set and nick_name/set.
func TestLoadRefusesOneToolNameForTwoOperations(t *testing.T) {
	files := tree(t, acme)
	row := func(resource, method string) []byte {
		return []byte(strings.NewReplacer("accounts", resource, "account", resource, "method: list", "method: "+method, "tags: [accounts]", "tags: [x]").Replace(string(files["acme/accounts.yaml"].Data)))
	}
	more := fstest.MapFS{
		"acme/nick.yaml":      &fstest.MapFile{Data: row("nick", "name_set")},
		"acme/nick_name.yaml": &fstest.MapFile{Data: row("nick_name", "set")},
	}
	want := `acme/nick_name.yaml:5: operations[0].method: the tool name "acme_nick_name_set" is already that of acme.nick.name_set`
	if _, err := Load(files, more); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestLoadRefusesFilesOutOfPlace(t *testing.T) {
	sound := tree(t, acme)
	tests := []struct {
		name, add string
		want      string
	}{
		{"at the top", "stray.yaml", "belongs into the folder of an integration"},
		{"folder without head", "other/things.yaml", "the folder has no integration.yaml"},
		{"folder in a folder", "acme/deep/things.yaml", "an integration's folder has no folders"},
		{"mapping without model", "unified/users.yaml", "mappings stand in unified/<model>/<resource>.yaml"},
		{"other extension", "acme/things.yml", "name the file .yaml"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := tree(t, acme)
			files[tt.add] = sound["acme/accounts.yaml"]
			if _, err := Load(files); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := Load(sound, sound); err == nil || !strings.Contains(err.Error(), `another tree already has the integration "acme"`) {
		t.Errorf("loading a tree twice: %v", err)
	}
	if _, err := LoadDirs("testdata/missing"); err == nil {
		t.Error("a directory that is not there was loaded")
	}
}

func TestLoadIgnoresOtherFiles(t *testing.T) {
	files := tree(t, acme)
	files["README.md"] = &fstest.MapFile{Data: []byte("# Notes")}
	files[".git/config.yaml"] = &fstest.MapFile{Data: []byte("a: b")}
	if _, err := Load(files); err != nil {
		t.Errorf("Load: %v", err)
	}
}

// FuzzLoad feeds one damaged file at a time: Load answers with a catalog or an error and never panics, and what it accepts has schemas.
func FuzzLoad(f *testing.F) {
	base := tree(f, acme)
	names := sortedKeys(base)
	for n, name := range names {
		f.Add(uint8(n), base[name].Data)
	}
	f.Add(uint8(0), []byte("resource: &a [*a]"))
	f.Add(uint8(1), []byte("? {a: b}\n: c"))
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		files := fstest.MapFS{}
		for name, file := range base {
			files[name] = file
		}
		files[names[int(which)%len(names)]] = &fstest.MapFile{Data: data}
		c, err := Load(files)
		if err != nil {
			return
		}
		for _, op := range c.Operations("acme") {
			if _, err := InputSchema(op); err != nil {
				t.Errorf("%s: input schema: %v", op.GetId(), err)
			}
			if _, err := OutputSchema(op); err != nil {
				t.Errorf("%s: output schema: %v", op.GetId(), err)
			}
		}
	})
}

// Pointers of errors are checked one by one, at the line of each.
func TestD9ErrorPointersAreChecked(t *testing.T) {
	for format, want := range map[string]string{
		"message_pointers:\n    - /error/text\n    - error.text": `acme/integration.yaml:22: error_format.message_pointers[1]: "error.text" is not a JSON pointer`,
		"message_pointers: [/a~2b]":                              `acme/integration.yaml:20: error_format.message_pointers[0]: "/a~2b" is not a JSON pointer`,
		"message_pointers: [/a, /b, /a]":                         `acme/integration.yaml:20: error_format.message_pointers[2]: names "/a" twice`,
		"message_pointer: /a\n  message_pointers: [/b]":          `acme/integration.yaml:20: error_format.message_pointer: is message_pointers with one candidate`,
		"code_pointers: [code]":                                  `acme/integration.yaml:20: error_format.code_pointers[0]: "code" is not a JSON pointer`,
		"missing_scope_pointers: [/a/~]":                         `acme/integration.yaml:20: error_format.missing_scope_pointers[0]: "/a/~" is not a JSON pointer`,
		"missing_scope_markers: ['']":                            `acme/integration.yaml:20: error_format.missing_scope_markers: has an empty marker`,
		"message_pointers: [/error/text, /errors/0/~01~1x, '']\n  code_pointers: [/error/code]": "",
	} {
		files := tree(t, acme)
		const at = "acme/integration.yaml"
		files[at].Data = []byte(strings.Replace(string(files[at].Data), "message_pointer: /error/text", format, 1))
		_, err := Load(files)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", format, err, want)
		}
	}
}
