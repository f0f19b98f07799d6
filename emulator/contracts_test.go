package emulator_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/sando-dev/sando/emulator"
)

func TestContractVersions(t *testing.T) {
	_, c := start(t, emulator.Options{NoRateLimits: true})
	old := c.get("/contracts")
	if _, paged := old.object()["total"]; paged || len(old.rows("contracts")) != 60 {
		t.Errorf("1.0 answers %.200s", old.body)
	}
	if ids := column(old.rows("contracts"), "id"); !slices.IsSorted(ids) {
		t.Error("1.0 is not sorted by id")
	}
	if _, bare := old.at("contracts", 2, "owner").(map[string]any); bare {
		t.Errorf("1.0 has an owner object")
	}
	for _, query := range []string{"size=2", "cursor=x", "sort=id", "q=a", "filters=[]", "aggs={}", "fields=creationTime", "fields=source"} {
		c.get("/contracts?"+query).refused(http.StatusBadRequest, "")
	}

	next := c.with("X-API-VERSION", "1.1")
	ids := column(next.walk("/contracts?size=7", "contracts"), "id")
	if slices.IsSorted(ids) || len(slices.Compact(sorted(ids))) != 60 {
		t.Errorf("1.1 gives %d contracts, sorted by id: %v", len(ids), slices.IsSorted(ids))
	}
	if !slices.IsSorted(column(next.walk("/contracts?size=7&sort=id:asc", "contracts"), "id")) {
		t.Error("sort=id:asc does not sort")
	}
	owned := next.get("/contracts?size=1&fields=owner,creationTime,source,amount,currency,status&" + filters(`[{"key":"owner","op":"isSet"}]`)).rows("contracts")[0]
	if _, nested := owned["owner"].(map[string]any); !nested || owned["creationTime"] == nil {
		t.Errorf("1.1 gives %v", owned)
	}
	c.with("X-API-Version", "2.0").get("/contracts").refused(http.StatusBadRequest, "X-API-Version")
	if _, ok := c.with("X-API-Version", "1.0").get("/contracts").object()["count"]; ok {
		t.Error("X-API-Version 1.0 is not honoured")
	}
	_, modern := start(t, emulator.Options{DefaultContractsVersion: "1.1", FlatContracts: true, ContractAmountObject: true})
	row := modern.get("/contracts?size=1&fields=owner,amount&" + filters(`[{"key":"owner","op":"isSet"},{"key":"amount","op":"gt","value":0}]`)).rows("contracts")[0]
	if _, nested := row["owner"].(map[string]any); nested {
		t.Errorf("FlatContracts gives %v", row)
	}
	if money, ok := row["amount"].(map[string]any); !ok || money["currency"] == "" {
		t.Errorf("ContractAmountObject gives %v", row)
	}
}

func TestContractLifeCycle(t *testing.T) {
	_, c := start(t, emulator.Options{})
	made := c.send("POST", "/contracts", `{"name":"Größer","idApp":1000,"status":"pipeline","owner":1001,"amount":{"value":9007199254740993,"currency":"EUR"},"endDate":"2027-01-31","documents":[{"idUpload":1001,"name":"signed.pdf"}]}`).want(http.StatusOK)
	id := fmt.Sprint(made.at("contract", "id"))
	read := func(fields string) map[string]any {
		return c.get("/contracts/" + id + "?fields=" + fields).want(http.StatusOK).object()["contract"].(map[string]any)
	}
	got := read("name,status,amount,currency,endDate,documents,owner")
	if fmt.Sprint(got["amount"]) != "9007199254740993" || got["currency"] != "EUR" || got["endDate"] != "2027-01-31T00:00:00.000Z" || len(got["documents"].([]any)) != 1 {
		t.Errorf("created %v", got)
	}
	c.send("PUT", "/contracts/"+id, `{"status":"inReview","amount":"12000","ccf_testField":"Test"}`).want(http.StatusOK)
	got = read("name,status,amount,currency,ccf_testField")
	if got["name"] != "Größer" || got["status"] != "inReview" || fmt.Sprint(got["amount"]) != "12000" || got["currency"] != "USD" || got["ccf_testField"] != "Test" {
		t.Errorf("updated %v", got)
	}
	for body, mention := range map[string]string{
		`{"currency":"EUR"}`:                        "currency",
		`{"amount":"much"}`:                         "amount",
		`{"amount":{"value":1}}`:                    "currency",
		`{"status":"nowhere"}`:                      "status",
		`{"idApp":1}`:                               "app 1",
		`{"owner":1}`:                               "user 1",
		`{"ccf_oldReference":"x"}`:                  "ccf_oldReference",
		`{"ccf_negotiationNotes":"x"}`:              "ccf_negotiationNotes",
		`{"documents":[{"idUpload":9,"name":"x"}]}`: "file 9",
		`{"endDate":"tomorrow"}`:                    "endDate",
		`{"id":3}`:                                  "id",
	} {
		c.send("PUT", "/contracts/"+id, body).refused(http.StatusBadRequest, mention)
	}
	if r := c.do("DELETE", "/contracts/"+id, "", nil).want(http.StatusNoContent); len(r.body) != 0 {
		t.Errorf("204 with body %q", r.body)
	}
	c.get("/contracts/"+id).refused(http.StatusNotFound, id)
	c.do("DELETE", "/contracts/"+id, "", nil).refused(http.StatusNotFound, id)
	c.send("PUT", "/contracts/"+id, `{}`).refused(http.StatusNotFound, id)
	again := fmt.Sprint(c.send("POST", "/contracts", `{"name":"x","idApp":1000,"status":"active"}`).at("contract", "id"))
	if again == id {
		t.Errorf("id %s was given twice", id)
	}
	types := column(c.get("/audit?entity=contracts&size=4").rows("audit"), "type")
	if want := []string{"create_contract", "delete_contract", "update_contract", "create_contract"}; !slices.Equal(types, want) {
		t.Errorf("audit %v, want %v", types, want)
	}
}

func TestSimpleContractFilters(t *testing.T) {
	_, c := start(t, emulator.Options{})
	for _, version := range []string{"1.0", "1.1"} {
		rows := c.with("X-API-Version", version).get("/contracts?status=active&fields=status").rows("contracts")
		if len(rows) == 0 || len(rows) == 60 {
			t.Errorf("%s: %d active contracts", version, len(rows))
		}
		for _, row := range rows {
			if row["status"] != "active" {
				t.Errorf("%s: %v under status=active", version, row)
			}
		}
	}
}
