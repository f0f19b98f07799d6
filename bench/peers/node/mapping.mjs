// What a Node back end does with a provider's page: parse it, map each user, write the result. The mapping is a function written by hand, or the
// same as a JSONata expression.
// usage: node mapping.mjs HOST:PORT UPSTREAM_BASE_URL API_KEY hand|jsonata
import http from 'node:http';
import jsonata from 'jsonata';
import { Pool } from 'undici';

const [listen, upstream, key, kind] = process.argv.slice(2);
const [host, port] = listen.split(':');
const base = new URL(upstream);
const pool = new Pool(base.origin, { connections: 64, pipelining: 1 });

const custom = ['departmentName', 'workday_cost_center', 'workday_manager', 'workday_employee_number', 'workday_hire_date', 'gsuite_address',
  'gsuite_home_email', 'okta_groups', 'workday_is_contractor'];

const expression = jsonata(`users.{
  "id": $string(id),
  "first_name": firstName,
  "last_name": lastName,
  "name": $trim(firstName & " " & lastName),
  "username": email,
  "emails": $append([{"email": email, "is_primary": true}], additionalEmails.{"email": $, "is_primary": false}),
  "status": isDeletedInIdentitySources ? "deleted" : lifecycleStatus = "offboarded" ? "inactive" : "active",
  "lifecycle_status": lifecycleStatus,
  "roles": [{"id": $string(idRole), "name": role}],
  "organizations": [{"id": $string(idOrg)}],
  "is_external": isExternal,
  "active_apps_count": activeAppsCount,
  "created_at": creationTime,
  "custom_fields": {${custom.map((key) => `"${key}": ${key}`).join(', ')}}
}`);

function byHand(page) {
  return page.users.map((u) => ({
    id: String(u.id),
    first_name: u.firstName ?? undefined,
    last_name: u.lastName ?? undefined,
    name: `${u.firstName ?? ''} ${u.lastName ?? ''}`.trim(),
    username: u.email,
    emails: [{ email: u.email, is_primary: true }, ...u.additionalEmails.map((email) => ({ email, is_primary: false }))],
    status: u.isDeletedInIdentitySources ? 'deleted' : u.lifecycleStatus === 'offboarded' ? 'inactive' : 'active',
    lifecycle_status: u.lifecycleStatus,
    roles: [{ id: String(u.idRole), name: u.role }],
    organizations: [{ id: String(u.idOrg) }],
    is_external: u.isExternal,
    active_apps_count: u.activeAppsCount,
    created_at: u.creationTime,
    custom_fields: Object.fromEntries(custom.map((key) => [key, u[key]])),
  }));
}

const map = kind === 'jsonata' ? (page) => expression.evaluate(page) : byHand;

http.createServer(async (req, res) => {
  try {
    const answered = await pool.request({ path: base.pathname + req.url, method: 'GET', headers: { authorization: `Bearer ${key}` } });
    const page = await answered.body.json();
    const result = await map(page);
    const text = JSON.stringify({ result, next_cursor: page.nextCursor, result_count: result.length });
    res.writeHead(answered.statusCode, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    res.end(text);
  } catch {
    res.destroy();
  }
}).listen(Number(port), host);
