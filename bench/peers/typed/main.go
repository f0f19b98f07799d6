// Command typed is what most Go back ends do with a provider's page: read it, decode it with encoding/json into structs, map them into structs of
// their own, and encode those.
package main

import (
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// row is a user as Torii sends it.
type row struct {
	ID                         int64    `json:"id"`
	IDOrg                      *int64   `json:"idOrg"`
	FirstName                  *string  `json:"firstName"`
	LastName                   *string  `json:"lastName"`
	Email                      *string  `json:"email"`
	CreationTime               *string  `json:"creationTime"`
	IDRole                     *int64   `json:"idRole"`
	Role                       *string  `json:"role"`
	LifecycleStatus            *string  `json:"lifecycleStatus"`
	IsDeletedInIdentitySources bool     `json:"isDeletedInIdentitySources"`
	IsExternal                 bool     `json:"isExternal"`
	ActiveAppsCount            int      `json:"activeAppsCount"`
	AdditionalEmails           []string `json:"additionalEmails"`
	custom
}

// custom are the organisation's own fields, known to the program because somebody wrote them down.
type custom struct {
	Department     *string  `json:"departmentName,omitempty"`
	CostCenter     *string  `json:"workday_cost_center,omitempty"`
	Manager        *string  `json:"workday_manager,omitempty"`
	EmployeeNumber *int64   `json:"workday_employee_number,omitempty"`
	HireDate       *string  `json:"workday_hire_date,omitempty"`
	Address        *string  `json:"gsuite_address,omitempty"`
	HomeEmail      *string  `json:"gsuite_home_email,omitempty"`
	Groups         []string `json:"okta_groups,omitempty"`
	IsContractor   *bool    `json:"workday_is_contractor,omitempty"`
}

type page struct {
	Users      []row   `json:"users"`
	Count      int     `json:"count"`
	Total      int     `json:"total"`
	NextCursor *string `json:"nextCursor"`
}

// user is a user as the unified model has it.
type user struct {
	ID              string      `json:"id"`
	FirstName       *string     `json:"first_name,omitempty"`
	LastName        *string     `json:"last_name,omitempty"`
	Name            string      `json:"name,omitempty"`
	Username        *string     `json:"username,omitempty"`
	Emails          []email     `json:"emails"`
	Status          string      `json:"status,omitempty"`
	LifecycleStatus *string     `json:"lifecycle_status,omitempty"`
	Roles           []reference `json:"roles"`
	Organizations   []reference `json:"organizations"`
	IsExternal      bool        `json:"is_external"`
	ActiveAppsCount int         `json:"active_apps_count"`
	CreatedAt       *string     `json:"created_at,omitempty"`
	CustomFields    custom      `json:"custom_fields"`
}

type email struct {
	Email     string `json:"email"`
	IsPrimary bool   `json:"is_primary"`
}

type reference struct {
	ID   string  `json:"id"`
	Name *string `json:"name,omitempty"`
}

type answer struct {
	Result      []user  `json:"result"`
	NextCursor  *string `json:"next_cursor"`
	ResultCount int     `json:"result_count"`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	upstream := flag.String("upstream", "", "base URL of the upstream")
	key := flag.String("key", "", "API key to put on each request")
	flag.Parse()
	p := &provider{base: *upstream, key: *key, client: &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 512}}}
	server := &http.Server{Addr: *listen, Handler: p, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

type provider struct {
	base, key string
	client    *http.Client
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in, err := p.fetch(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	out := answer{Result: make([]user, len(in.Users)), NextCursor: in.NextCursor, ResultCount: len(in.Users)}
	for i := range in.Users {
		out.Result[i] = in.Users[i].unify()
	}
	text, err := json.Marshal(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(text) //nolint:errcheck // the client is gone; there is nobody to tell
}

func (p *provider) fetch(r *http.Request) (*page, error) {
	up, err := http.NewRequestWithContext(r.Context(), http.MethodGet, p.base+r.URL.RequestURI(), nil)
	if err != nil {
		return nil, err
	}
	up.Header.Set("Authorization", "Bearer "+p.key)
	resp, err := p.client.Do(up)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	in := new(page)
	return in, json.Unmarshal(text, in)
}

func (r *row) unify() user {
	u := user{
		ID: strconv.FormatInt(r.ID, 10), FirstName: r.FirstName, LastName: r.LastName, Username: r.Email, LifecycleStatus: r.LifecycleStatus,
		IsExternal: r.IsExternal, ActiveAppsCount: r.ActiveAppsCount, CreatedAt: r.CreationTime, CustomFields: r.custom,
	}
	u.Name = strings.TrimSpace(text(r.FirstName) + " " + text(r.LastName))
	if r.Email != nil {
		u.Emails = append(u.Emails, email{*r.Email, true})
	}
	for _, further := range r.AdditionalEmails {
		u.Emails = append(u.Emails, email{further, false})
	}
	switch {
	case r.IsDeletedInIdentitySources:
		u.Status = "deleted"
	case text(r.LifecycleStatus) == "offboarded":
		u.Status = "inactive"
	default:
		u.Status = "active"
	}
	if r.IDRole != nil {
		u.Roles = []reference{{strconv.FormatInt(*r.IDRole, 10), r.Role}}
	}
	if r.IDOrg != nil {
		u.Organizations = []reference{{ID: strconv.FormatInt(*r.IDOrg, 10)}}
	}
	return u
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
