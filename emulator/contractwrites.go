package emulator

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/sando-dev/sando/emulator/internal/wire"
	"github.com/sando-dev/sando/emulator/internal/world"
)

// orgCurrency is the default currency of every organisation here.
const orgCurrency = "USD"

// createContract is POST /contracts. Success is 200, not 201, and shows id, name and status.
func createContract(c *call) (reply, error) {
	p, err := c.json()
	if err != nil {
		return reply{}, err
	}
	if err := p.require("name*", "idApp*", "status*"); err != nil {
		return reply{}, err
	}
	ct := &contract{id: c.org.nextContractID(), createdBy: world.FirstPersonID, created: c.now, source: "api", currency: orgCurrency, values: map[string]any{}}
	if err := c.writeContract(ct, p); err != nil {
		return reply{}, err
	}
	c.org.contracts = append(c.org.contracts, ct)
	c.org.lastContract = ct.id
	c.record("contracts", "create_contract", wire.Obj("idContract", ct.id, "name", ct.name))
	return printContract(ct)
}

// updateContract is PUT /contracts/{idContract}: only the members sent change; documents is replaced whole.
func updateContract(c *call) (reply, error) {
	ct, err := c.pathContract()
	if err != nil {
		return reply{}, err
	}
	p, err := c.json()
	if err != nil {
		return reply{}, err
	}
	draft := *ct
	draft.values = maps.Clone(ct.values)
	if err := c.writeContract(&draft, p); err != nil {
		return reply{}, err
	}
	*ct = draft
	c.record("contracts", "update_contract", wire.Obj("idContract", ct.id, "fields", p.keys()))
	return printContract(ct)
}

// deleteContract is DELETE /contracts/{idContract}: 204, and 404 the second time.
func deleteContract(c *call) (reply, error) {
	ct, err := c.pathContract()
	if err != nil {
		return reply{}, err
	}
	i, _ := c.org.contractIndex(ct.id)
	c.org.contracts = slices.Delete(c.org.contracts, i, i+1)
	c.record("contracts", "delete_contract", wire.Obj("idContract", ct.id))
	return noContent()
}

func printContract(ct *contract) (reply, error) {
	return answer("contract", wire.Obj("id", ct.id, "name", ct.name, "status", ct.status))
}

// nextContractID never gives an id twice, also after the last contract was deleted.
func (o *org) nextContractID() int64 { return max(o.lastContract, 999+int64(o.Size.Contracts)) + 1 }

// writeContract puts a body's members into a contract.
func (c *call) writeContract(ct *contract, p payload) error {
	for _, key := range p.keys() {
		var err error
		switch key {
		case "id", "createdBy", "creationTime", "source":
			err = invalidf("%q is not allowed", key)
		case "currency":
			err = invalidf("\"currency\" is not allowed: send amount as {value, currency}")
		case "name":
			ct.name, err = p.str(key)
		case "status":
			err = c.writeContractStatus(ct, p)
		case "idApp":
			err = c.writeContractApp(ct, p)
		case "owner":
			err = c.writeContractOwner(ct, p)
		case "amount":
			ct.amount, ct.currency, err = readAmount(p[key])
		case "documents":
			ct.documents, err = c.readDocuments(p[key])
		default:
			err = c.writeCustom(c.org.contractFields, ct.values, key, p[key])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *call) writeContractStatus(ct *contract, p payload) error {
	text, err := p.str("status")
	if err != nil {
		return err
	}
	f, _ := visible(c.org.contractFields, "status")
	ct.status, err = f.option(text)
	return err
}

func (c *call) writeContractApp(ct *contract, p payload) error {
	id, given, err := p.id("idApp")
	if err != nil {
		return err
	}
	if _, ok := c.org.app(id); !given || !ok {
		return invalidf("\"idApp\": app %d does not exist", id)
	}
	ct.idApp = id
	return nil
}

func (c *call) writeContractOwner(ct *contract, p payload) error {
	id, given, err := p.id("owner")
	if err != nil {
		return err
	}
	if _, ok := c.org.user(id); given && !ok {
		return invalidf("\"owner\": user %d does not exist", id)
	}
	ct.owner = id
	return nil
}

// readAmount reads a number, a number in a string (an official guide sends one) or {value, currency}.
func readAmount(v any) (amount any, currency string, err error) {
	currency = orgCurrency
	if object, ok := v.(map[string]any); ok {
		if currency, ok = object["currency"].(string); !ok || len(currency) != 3 {
			return nil, "", invalidf("\"amount.currency\" must be a currency code of three letters")
		}
		v = object["value"]
	}
	switch v := v.(type) {
	case nil:
		return nil, currency, nil
	case json.Number:
		return v, currency, nil
	case string:
		var n json.Number
		if json.Unmarshal([]byte(v), &n) == nil && n != "" {
			return n, currency, nil
		}
	}
	return nil, "", invalidf("\"amount\" must be a number or an object {value, currency}")
}

// readDocuments reads [{idUpload, name}] and checks that the files exist.
func (c *call) readDocuments(v any) ([]wire.Object, error) {
	if v == nil {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, invalidf("\"documents\" must be an array")
	}
	documents := []wire.Object{}
	for i, item := range list {
		object, _ := item.(map[string]any)
		id, given, err := payload(object).id("idUpload")
		name, named := object["name"].(string)
		if err != nil || !given || !named {
			return nil, invalidf("\"documents[%d]\" must be an object {idUpload, name}", i)
		}
		if _, ok := c.org.file(id); !ok {
			return nil, invalidf("\"documents[%d].idUpload\": file %d does not exist", i, id)
		}
		documents = append(documents, wire.Obj("idUpload", id, "name", name))
	}
	return documents, nil
}
