package account

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/nearest"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// checkNames refuses open values whose names say that they are credentials. Open values are stored in clear and shown to whoever may read the
// account, and a credential under a mistyped name would be one of them. Names in fields are those of the credential, which are judged elsewhere.
func checkNames(open map[string]json.RawMessage, fields []*catalogv1.CredentialField) []rpcerr.Violation {
	var secrets []string
	for _, f := range fields {
		if f.GetSecret() && !slices.Contains(secrets, f.GetName()) {
			secrets = append(secrets, f.GetName())
		}
	}
	var bad []rpcerr.Violation
	for _, name := range slices.Sorted(maps.Keys(open)) {
		if isField(fields, name) || !namesSecret(name, secrets) {
			continue
		}
		text := "looks like a credential, and open values are stored in clear"
		if len(secrets) > 0 {
			text += "; did you mean " + meant(name, secrets) + "?"
		}
		bad = append(bad, rpcerr.Violation{Field: "context." + name, Description: text})
	}
	return bad
}

// namesSecret says whether a name is that of a credential: it holds a word for one, or is a few letters off a secret field.
func namesSecret(name string, secrets []string) bool {
	bare := letters(name)
	for _, word := range []string{"secret", "token", "password", "key"} {
		if strings.Contains(bare, word) {
			return true
		}
	}
	return slices.ContainsFunc(secrets, func(s string) bool { return nearest.Of(bare, []string{letters(s)}) != "" })
}

// meant names the secret field that comes closest, or all of them where none is close.
func meant(name string, secrets []string) string {
	if s := nearest.Of(name, secrets); s != "" {
		return s
	}
	return strings.Join(secrets, " or ")
}

// letters is a name without what people write it differently with: case and separators.
func letters(name string) string {
	return strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(strings.ToLower(name))
}

func isField(fields []*catalogv1.CredentialField, name string) bool {
	return slices.ContainsFunc(fields, func(f *catalogv1.CredentialField) bool { return f.GetName() == name })
}

// refuse is the error for violations; nil for none.
func refuse(bad []rpcerr.Violation) error {
	if len(bad) == 0 {
		return nil
	}
	e := rpcerr.Newf(rpcerr.ValidationFailed, "%s %s", bad[0].Field, bad[0].Description)
	e.Violations = bad
	return e
}
