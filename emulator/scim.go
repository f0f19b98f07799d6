package emulator

import (
	"fmt"
	"net/http"
	"net/mail"
	"slices"
	"strconv"
	"strings"

	"github.com/sando-dev/sando/emulator/internal/wire"
	"github.com/sando-dev/sando/emulator/internal/world"
)

// The URNs of RFC 7643 and 7644.
const (
	scimUserURN  = "urn:ietf:params:scim:schemas:core:2.0:User"
	scimListURN  = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	scimPatchURN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	scimErrorURN = "urn:ietf:params:scim:api:messages:2.0:Error"

	scimConfigURN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
)

const (
	defaultSCIMCount = 100
	maxSCIMCount     = 200
)

// scimProblem is a refusal in the form of RFC 7644 section 3.12.
type scimProblem struct {
	status   int
	scimType string
	detail   string
}

func (p *scimProblem) Error() string { return p.detail }

func (p *scimProblem) reply() reply {
	body := wire.Obj("schemas", []string{scimErrorURN}, "status", strconv.Itoa(p.status))
	if p.scimType != "" {
		body = append(body, wire.Member{Key: "scimType", Value: p.scimType})
	}
	r, _ := send(p.status, append(body, wire.Member{Key: "detail", Value: p.detail}))
	return r
}

func scimError(status int, scimType, format string, args ...any) error {
	return &scimProblem{status: status, scimType: scimType, detail: fmt.Sprintf(format, args...)}
}

// scimActive is true for the users that SCIM shows: people of the organisation that are there, unless SCIM said otherwise.
func (u user) scimActive() bool {
	if u.edit != nil && u.edit.scimActive != nil {
		return *u.edit.scimActive
	}
	return !u.nonHuman() && !u.external() && !u.deleted()
}

// scimResource is a user as SCIM prints it; the id is text.
func (u user) scimResource() wire.Object {
	first, _ := u.firstName()
	last, _ := u.lastName()
	return wire.Obj(
		"schemas", []string{scimUserURN}, "id", itoa(u.id()), "userName", u.email(), "name", wire.Obj("familyName", last, "givenName", first),
		"active", u.scimActive(), "emails", []wire.Object{wire.Obj("primary", true, "value", u.email())}, "userType", u.role().name,
		"meta", wire.Obj("created", wire.Time(u.creationTime())),
	)
}

// listSCIMUsers is GET /scim/v2/Users: startIndex counts from 1, and only active users are listed.
func listSCIMUsers(c *call) (reply, error) {
	start, err := c.integer("startIndex", 1, -1<<31, 1<<31-1)
	if err != nil {
		return reply{}, scimError(http.StatusBadRequest, "invalidValue", "%s", err)
	}
	count, err := c.integer("count", defaultSCIMCount, 0, maxSCIMCount)
	if err != nil {
		return reply{}, scimError(http.StatusBadRequest, "invalidValue", "%s", err)
	}
	match, err := scimFilter(c.text("filter"))
	if err != nil {
		return reply{}, err
	}
	var found []user
	users := userSource{c.org}
	for i := range users.Len() {
		if u := users.At(i); u.scimActive() && match(u) {
			found = append(found, u)
		}
	}
	if err := sortSCIM(c, found); err != nil {
		return reply{}, err
	}
	start = max(start, 1)
	first := max(start-1+c.shift, 0)
	resources := []wire.Object{}
	for _, u := range found[min(first, len(found)):min(first+count, len(found))] {
		resources = append(resources, u.scimResource())
	}
	// The URN is the one of Torii's own example; RFC 7644 would have ListResponse here.
	return answer("schemas", []string{scimUserURN}, "totalResults", len(found), "itemsPerPage", len(resources), "startIndex", start, "Resources", resources)
}

// scimFilter compiles a filter on userName or emails; and, or, not and brackets are not supported, as documented.
func scimFilter(text string) (func(user) bool, error) {
	if text == "" {
		return func(user) bool { return true }, nil
	}
	attribute, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	operator, value, _ := strings.Cut(strings.TrimSpace(rest), " ")
	value, err := strconv.Unquote(strings.TrimSpace(value))
	switch strings.ToLower(attribute) {
	case "username", "emails", "emails.value":
	default:
		return nil, scimError(http.StatusBadRequest, "invalidFilter", "Only userName and emails can be filtered on")
	}
	tests := map[string]func(s, part string) bool{
		"eq": func(s, part string) bool { return s == part },
		"ne": func(s, part string) bool { return s != part },
		"co": strings.Contains,
		"sw": strings.HasPrefix,
		"ew": strings.HasSuffix,
	}
	test, ok := tests[strings.ToLower(operator)]
	if !ok || err != nil {
		return nil, scimError(http.StatusBadRequest, "invalidFilter", "The filter is not supported")
	}
	value = strings.ToLower(value)
	return func(u user) bool { return test(u.email(), value) }, nil
}

func sortSCIM(c *call, users []user) error {
	keys := map[string]func(user) string{
		"username":        user.email,
		"usertype":        func(u user) string { return u.role().name },
		"name.familyname": func(u user) string { last, _ := u.lastName(); return last },
		"name.givenname":  func(u user) string { first, _ := u.firstName(); return first },
	}
	by := strings.ToLower(or(c.text("sortBy"), "id"))
	key, ok := keys[by]
	if !ok && by != "id" {
		return scimError(http.StatusBadRequest, "invalidPath", "Cannot sort by %s", by)
	}
	order, err := c.oneOf("sortOrder", "ascending", "descending")
	if err != nil {
		return scimError(http.StatusBadRequest, "invalidValue", "%s", err)
	}
	if ok {
		slices.SortStableFunc(users, func(a, b user) int { return strings.Compare(key(a), key(b)) })
	}
	if order == "descending" {
		slices.Reverse(users)
	}
	return nil
}

// pathSCIMUser is the active user that the path names; inactive ones are not found.
func (c *call) pathSCIMUser() (user, error) {
	id, err := strconv.ParseInt(c.r.PathValue("idUser"), 10, 64)
	u, ok := c.org.user(id)
	if err != nil || !ok || !u.scimActive() {
		return user{}, scimError(http.StatusNotFound, "", "Resource %s not found", c.r.PathValue("idUser"))
	}
	return u, nil
}

// getSCIMUser is GET /scim/v2/Users/{idUser}.
func getSCIMUser(c *call) (reply, error) {
	u, err := c.pathSCIMUser()
	if err != nil {
		return reply{}, err
	}
	return send(http.StatusOK, u.scimResource())
}

// scimBody reads a body whose schemas name the URN.
func (c *call) scimBody(urn string) (payload, error) {
	p, err := c.json()
	if err != nil {
		return nil, scimError(http.StatusBadRequest, "invalidSyntax", "%s", err)
	}
	if schemas, _ := p["schemas"].([]any); !slices.Contains(schemas, any(urn)) {
		return nil, scimError(http.StatusBadRequest, "invalidValue", "\"schemas\" must contain %s", urn)
	}
	return p, nil
}

// scimUserBody reads a user: schemas and userName are required.
func (c *call) scimUserBody() (p payload, email string, err error) {
	if p, err = c.scimBody(scimUserURN); err != nil {
		return nil, "", err
	}
	email, _ = p["userName"].(string)
	email = strings.ToLower(email)
	if address, err := mail.ParseAddress(email); err != nil || address.Address != email || !strings.Contains(email, ".") {
		return nil, "", scimError(http.StatusBadRequest, "invalidValue", "\"userName\" must be a valid email")
	}
	return p, email, nil
}

// createSCIMUser is POST /scim/v2/Users. It also brings an inactive user back.
func createSCIMUser(c *call) (reply, error) {
	p, email, err := c.scimUserBody()
	if err != nil {
		return reply{}, err
	}
	u, exists := c.org.userByEmail(email)
	if exists && u.scimActive() {
		return reply{}, scimError(http.StatusConflict, "uniqueness", "A user with userName %s exists", email)
	}
	role, err := c.scimRole(p)
	if err != nil {
		return reply{}, err
	}
	if !exists {
		u = c.newUser(email)
	}
	edit := c.org.change(u)
	u.edit = edit
	edit.roleID = role.id
	if role.id == 0 {
		employee, _ := c.org.roleByName("Employee")
		edit.roleID = employee.id
	}
	c.writeSCIMName(edit, p["name"])
	active, given := p["active"].(bool)
	active = active || !given
	edit.scimActive = &active
	c.record("users", "scim_create_user", wire.Obj("idUser", u.id()))
	return send(http.StatusCreated, u.scimResource())
}

// newUser adds a user beyond the derived ones.
func (c *call) newUser(email string) user {
	id := int64(world.FirstPersonID + c.org.world.People + len(c.org.createdUsers))
	edit := &userEdit{id: id, created: c.now, email: email}
	c.org.userEdits[id] = edit
	c.org.createdUsers = append(c.org.createdUsers, id)
	return user{org: c.org, edit: edit}
}

func (c *call) writeSCIMName(edit *userEdit, v any) {
	object, _ := v.(map[string]any)
	if given, ok := object["givenName"].(string); ok {
		edit.first = &given
	}
	if family, ok := object["familyName"].(string); ok {
		edit.last = &family
	}
}

// scimRole is the role that userType names; the zero role when it is absent.
func (c *call) scimRole(p payload) (role, error) {
	v, given := p["userType"]
	if !given {
		return role{}, nil
	}
	name, _ := v.(string)
	r, ok := c.org.roleByName(name)
	if !ok {
		return role{}, scimError(http.StatusBadRequest, "invalidValue", "\"userType\": there is no role %q", name)
	}
	return r, nil
}

// replaceSCIMUser is PUT /scim/v2/Users/{idUser}: role and active change, the address cannot.
func replaceSCIMUser(c *call) (reply, error) {
	u, err := c.pathSCIMUser()
	if err != nil {
		return reply{}, err
	}
	p, email, err := c.scimUserBody()
	if err != nil {
		return reply{}, err
	}
	if email != u.email() {
		return reply{}, scimError(http.StatusBadRequest, "mutability", "\"userName\" cannot be changed")
	}
	if u, err = c.writeSCIM(u, p); err != nil {
		return reply{}, err
	}
	c.record("users", "scim_update_user", wire.Obj("idUser", u.id()))
	return send(http.StatusOK, u.scimResource())
}

// writeSCIM applies userType, active and name. The last admin stays an active admin.
func (c *call) writeSCIM(u user, p payload) (user, error) {
	r, err := c.scimRole(p)
	if err != nil {
		return u, err
	}
	active, given := u.scimActive(), false
	if v, ok := p["active"]; ok {
		if active, given = v.(bool); !given {
			return u, scimError(http.StatusBadRequest, "invalidValue", "\"active\" must be a boolean")
		}
	}
	admin := u.role()
	if r.id != 0 {
		admin = r
	}
	if (!active || admin.key != "admin") && c.org.lastAdmin(u) {
		return u, scimError(http.StatusBadRequest, "mutability", "The last admin cannot be demoted or deactivated")
	}
	edit := c.org.change(u)
	u.edit = edit
	if r.id != 0 {
		edit.roleID = r.id
	}
	if given {
		edit.scimActive = &active
	}
	c.writeSCIMName(edit, p["name"])
	return u, nil
}

// lastAdmin is true when no other active user is an admin.
func (o *org) lastAdmin(u user) bool {
	if u.role().key != "admin" {
		return false
	}
	users := userSource{o}
	for i := range users.Len() {
		if other := users.At(i); other.id() != u.id() && other.role().key == "admin" && other.scimActive() {
			return false
		}
	}
	return true
}

// deleteSCIMUser is DELETE /scim/v2/Users/{idUser}: SCIM forgets the user, /users goes on listing the person.
func deleteSCIMUser(c *call) (reply, error) {
	u, err := c.pathSCIMUser()
	if err != nil {
		return reply{}, err
	}
	if c.org.lastAdmin(u) {
		return reply{}, scimError(http.StatusBadRequest, "mutability", "The last admin cannot be deleted")
	}
	inactive := false
	c.org.change(u).scimActive = &inactive
	c.record("users", "scim_delete_user", wire.Obj("idUser", u.id()))
	return noContent()
}
