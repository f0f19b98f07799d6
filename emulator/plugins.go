package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/sando-dev/sando/emulator/internal/wire"
	"github.com/sando-dev/sando/emulator/internal/world"
)

// plugin is a private plugin of the organisation: numeric id in one call, uuid in the others.
type plugin struct {
	id     int64
	uuid   string
	name   string
	upload int64 // file of the published version, 0 before
	keys   int   // how many API keys were made; only the last is valid
}

const firstPluginID = 1000

func (p *plugin) print(org int64) wire.Object {
	return wire.Obj("id", p.id, "uuid", p.uuid, "idOrg", org, "name", p.name, "idUpload", ownerID(p.upload))
}

// createPlugin is POST /plugins. The answer is not documented; it is {plugin} here.
func createPlugin(c *call) (reply, error) {
	body, err := c.closed("name*")
	if err != nil {
		return reply{}, err
	}
	name, err := body.str("name")
	if err != nil {
		return reply{}, err
	}
	if n := utf8.RuneCountInString(name); n < 1 || n > 100 {
		return reply{}, invalidf("\"name\" length must be between 1 and 100 characters long")
	}
	p := &plugin{id: firstPluginID + c.org.pluginsMade, name: name}
	p.uuid = uuidOf(itoa(c.org.ID) + " plugin " + itoa(p.id))
	c.org.pluginsMade++
	c.org.plugins = append(c.org.plugins, p)
	return answer("plugin", p.print(c.org.ID))
}

// uuidOf is a UUID of version 8 (RFC 9562) made from a name.
func uuidOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	sum[6] = sum[6]&0x0F | 0x80
	sum[8] = sum[8]&0x3F | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// pathPlugin is the plugin whose uuid the path names.
func (c *call) pathPlugin() (*plugin, error) {
	uuid := c.r.PathValue("uuidPlugin")
	i := slices.IndexFunc(c.org.plugins, func(p *plugin) bool { return p.uuid == uuid })
	if i < 0 {
		return nil, notFound("Plugin")
	}
	return c.org.plugins[i], nil
}

// publishPlugin is PUT /plugins/{uuidPlugin}: a new version from an uploaded file of type plugin.
func publishPlugin(c *call) (reply, error) {
	p, err := c.pathPlugin()
	if err != nil {
		return reply{}, err
	}
	body, err := c.closed("idUpload*")
	if err != nil {
		return reply{}, err
	}
	id, _, err := body.id("idUpload")
	if err != nil {
		return reply{}, err
	}
	if f, ok := c.org.file(id); !ok || f.kind != "plugin" {
		return reply{}, invalidf("\"idUpload\": file %d of type plugin does not exist", id)
	}
	p.upload = id
	return answer("plugin", p.print(c.org.ID))
}

// deletePlugin is DELETE /plugins/{uuidPlugin}.
func deletePlugin(c *call) (reply, error) {
	p, err := c.pathPlugin()
	if err != nil {
		return reply{}, err
	}
	c.org.plugins = slices.DeleteFunc(c.org.plugins, func(other *plugin) bool { return other == p })
	return answer("success", true)
}

// listPluginFields is GET /plugins/{idPlugin}/fields; the id is numeric here.
func listPluginFields(c *call) (reply, error) {
	id, err := c.pathID("idPlugin")
	if err != nil {
		return reply{}, err
	}
	if !slices.ContainsFunc(c.org.plugins, func(p *plugin) bool { return p.id == id }) {
		return reply{}, problemf(http.StatusNotFound, "Plugin %d not found", id)
	}
	fields := []wire.Object{}
	for _, f := range c.org.appFields {
		if !f.builtin && !f.deleted {
			fields = append(fields, wire.Obj("idField", f.id, "systemKey", f.key))
		}
	}
	return answer("plugin", wire.Obj("idOrg", c.org.ID, "idPlugin", id, "fields", fields))
}

// createPluginKey is POST /plugins/{uuidPlugin}/apikey: a new secret, which revokes the one before. It opens nothing here.
func createPluginKey(c *call) (reply, error) {
	p, err := c.pathPlugin()
	if err != nil {
		return reply{}, err
	}
	p.keys++
	sum := sha256.Sum256([]byte(p.uuid + " key " + itoa(int64(p.keys))))
	return answer("id", p.id*100+int64(p.keys), "idOrg", c.org.ID, "createdBy", int64(world.FirstPersonID), "token", "plugin-"+hex.EncodeToString(sum[:16]))
}
