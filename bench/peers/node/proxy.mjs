// A streaming reverse proxy on Node's http server and undici, which puts a credential on each request.
// usage: node proxy.mjs HOST:PORT UPSTREAM_BASE_URL API_KEY
import http from 'node:http';
import { Pool } from 'undici';

const [listen, upstream, key] = process.argv.slice(2);
const [host, port] = listen.split(':');
const base = new URL(upstream);
const pool = new Pool(base.origin, { connections: 64, pipelining: 1 });
const hops = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'proxy-authorization', 'host']);

http.createServer((req, res) => {
  const headers = { authorization: `Bearer ${key}` };
  for (const [name, value] of Object.entries(req.headers)) {
    if (!hops.has(name) && name !== 'authorization') headers[name] = value;
  }
  pool.stream({ path: base.pathname + req.url, method: req.method, headers }, ({ statusCode, headers: answered }) => {
    for (const name of hops) delete answered[name];
    res.writeHead(statusCode, answered);
    return res;
  }).catch(() => res.destroy());
}).listen(Number(port), host);
