package catalog

import (
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/catalog/internal/nearest"
)

var (
	placePattern = regexp.MustCompile(`\{([^{}]*)\}`)
	headerName   = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$") // RFC 9110 section 5.6.2
)

// integrationHead checks integration.yaml by itself; folder is where it stands.
func (c *checker) integrationHead(folder string) {
	i := c.integration
	c.equal(i, "name", i.GetName(), folder)
	if !snakeName.MatchString(i.GetName()) || i.GetName() == unifiedFolder {
		c.fail(i, "name", "%q cannot name an integration: lower-case words joined by _, and not %s", i.GetName(), unifiedFolder)
	}
	c.present(i, "label", i.GetLabel())
	c.present(i, "category", i.GetCategory())
	c.baseURL(i)
	c.headers()
	for _, host := range i.GetDownloadHosts() {
		if host != strings.ToLower(host) || strings.ContainsAny(host, ":/") || strings.Count(host, ".") == 0 || strings.HasSuffix(host, "*") {
			c.fail(i, "download_hosts", "%q is not a lower-case host name, without port, whose * labels stand before its domain", host)
		}
	}
	c.notNegative(i, "default_retry_after_seconds", int64(i.GetDefaultRetryAfterSeconds()))
	c.errorFormat(i.GetErrorFormat())
	if len(i.GetResources()) == 0 {
		c.fail(i, "resources", "is missing: list the resource files in the order of their tools")
	}
	c.unique(i, "resources", i.GetResources())
	c.authentication()
}

func (c *checker) errorFormat(f *catalogv1.ErrorFormat) {
	c.pointer(f, "message_pointer", f.GetMessagePointer())
	if f.GetMessagePointer() != "" && len(f.GetMessagePointers()) > 0 {
		c.fail(f, "message_pointer", "is message_pointers with one candidate; put it there")
	}
	c.pointers(f, "message_pointers", f.GetMessagePointers())
	c.pointers(f, "code_pointers", f.GetCodePointers())
	c.pointers(f, "missing_scope_pointers", f.GetMissingScopePointers())
	if slices.Contains(f.GetMissingScopeMarkers(), "") {
		c.fail(f, "missing_scope_markers", "has an empty marker, which is in every text")
	}
}

// unique refuses a list that names something twice.
func (c *checker) unique(i *catalogv1.Integration, field string, values []string) {
	for n, v := range values {
		if slices.Contains(values[:n], v) {
			c.fail(i, field, "names %q twice", v)
		}
	}
}

func (c *checker) baseURL(i *catalogv1.Integration) {
	u, err := url.Parse(i.GetBaseUrl())
	switch {
	case i.GetBaseUrl() == "":
		c.fail(i, "base_url", "is missing")
	case err != nil:
		c.fail(i, "base_url", "%q is not a URL", i.GetBaseUrl())
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(u.Path, "/"):
		c.fail(i, "base_url", "must be a scheme, a host and a path without slash at its end")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		c.fail(i, "base_url", "must be https; plain http is for loopback addresses only")
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *checker) headers() {
	c.headerNames(c.integration, "headers", c.integration.GetHeaders())
}

// headerNames refuses what is no header name and one header written in two ways.
func (c *checker) headerNames(m proto.Message, field string, headers map[string]string) {
	seen := make(map[string]bool, len(headers))
	for _, name := range sortedKeys(headers) {
		canonical := http.CanonicalHeaderKey(name)
		if !headerName.MatchString(name) || seen[canonical] {
			c.fail(m, field, "%q is not a header name, or is there twice", name)
		}
		seen[canonical] = true
		if strings.ContainsAny(headers[name], "\r\n") {
			c.fail(m, field, "the value of %s has a line break", name)
		}
	}
}

func (c *checker) authentication() {
	i := c.integration
	if len(i.GetAuthenticationMethods()) == 0 {
		c.fail(i, "authentication_methods", "is missing")
	}
	var names []string
	for _, m := range i.GetAuthenticationMethods() {
		c.oneOf(m, "name", m.GetName(), "api_key", "oauth2_client_credentials", "oauth2_refresh_token", "oauth2_authorization_code")
		names = append(names, m.GetName())
		c.present(m, "label", m.GetLabel())
		oauth := strings.HasPrefix(m.GetName(), "oauth2_")
		if oauth != (m.GetOauth2() != nil) {
			c.fail(m, "oauth2", "is given for the oauth2 methods and for no other")
		}
		if o := m.GetOauth2(); o != nil {
			c.oauth2(m, o)
		}
		known := c.credentialFields(m)
		if oauth {
			known = append(known, "access_token")
		}
		c.injection(m, known)
	}
	c.unique(i, "authentication_methods", names)
}

func (c *checker) oauth2(m *catalogv1.AuthenticationMethod, o *catalogv1.OAuth2) {
	c.secureURL(o, "token_url", o.GetTokenUrl())
	if m.GetName() == "oauth2_authorization_code" {
		c.secureURL(o, "authorization_url", o.GetAuthorizationUrl())
	}
	c.oneOf(o, "client_authentication", o.GetClientAuthentication(), "", "client_secret_basic", "client_secret_post")
}

func (c *checker) secureURL(o *catalogv1.OAuth2, field, value string) {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		c.fail(o, field, "must be an https URL")
	}
}

// credentialFields checks the inputs of a link page and returns their names.
func (c *checker) credentialFields(m *catalogv1.AuthenticationMethod) []string {
	var names []string
	for _, f := range m.GetFields() {
		if !snakeName.MatchString(f.GetName()) {
			c.fail(f, "name", "%q is not lower-case words joined by _", f.GetName())
		}
		if slices.Contains(names, f.GetName()) {
			c.fail(f, "name", "%q appears twice", f.GetName())
		}
		names = append(names, f.GetName())
		c.present(f, "label", f.GetLabel())
		c.sentence(f, "help", f.GetHelp())
		c.notNegative(f, "max_length", int64(f.GetMaxLength()))
		if _, err := regexp.Compile(f.GetPattern()); err != nil {
			c.fail(f, "pattern", "does not compile: %v", err)
		}
	}
	return names
}

func (c *checker) injection(m *catalogv1.AuthenticationMethod, known []string) {
	if len(m.GetInjectHeaders()) == 0 {
		c.fail(m, "inject_headers", "is missing: without it no call carries the credential")
	}
	c.headerNames(m, "inject_headers", m.GetInjectHeaders())
	for _, header := range sortedKeys(m.GetInjectHeaders()) {
		for _, place := range placePattern.FindAllStringSubmatch(m.GetInjectHeaders()[header], -1) {
			if !slices.Contains(known, place[1]) {
				c.fail(m, "inject_headers", "there is no credential field %q%s", place[1], nearest.Hint(place[1], known))
			}
		}
	}
}

// verification checks that the probe of a credential exists and can be called with nothing but the credential.
func (c *checker) verification() {
	i := c.integration
	v := i.GetVerification()
	if v == nil {
		c.fail(i, "verification", "is missing: a credential is tried before it is stored")
		return
	}
	c.pointer(v, "organization_id_pointer", v.GetOrganizationIdPointer())
	c.pointer(v, "organization_name_pointer", v.GetOrganizationNamePointer())
	op, ok := c.loader.catalog.operations[v.GetOperation()]
	if !ok {
		c.fail(v, "operation", "there is no operation %q%s", v.GetOperation(), nearest.Hint(v.GetOperation(), sortedKeys(c.loader.catalog.operations)))
		return
	}
	if name, _, _ := SplitID(op.GetId()); name != i.GetName() || op.GetEffect() != catalogv1.Effect_EFFECT_READ {
		c.fail(v, "operation", "must be a read of this integration")
	}
	for _, a := range Arguments(op) {
		if a.Field.GetRequired() {
			c.fail(v, "operation", "needs the argument %q, which nobody gives when a credential is tried", a.Name)
		}
	}
}
