// A bare MCP server on the TypeScript SDK: stateless, so a server and a transport per request, as the SDK's documentation has it. A tool is one GET
// of the upstream whose page becomes structured content and text.
// usage: node mcp.mjs HOST:PORT UPSTREAM_BASE_URL API_KEY TOOLS_FILE
import fs from 'node:fs';
import http from 'node:http';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { Pool } from 'undici';

const [listen, upstream, key, toolsFile] = process.argv.slice(2);
const [host, port] = listen.split(':');
const base = new URL(upstream);
const pool = new Pool(base.origin, { connections: 64, pipelining: 1 });
const { tools } = JSON.parse(fs.readFileSync(toolsFile, 'utf8'));

function newServer() {
  const server = new Server({ name: 'bare', version: '1' }, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    const answered = await pool.request({
      path: `${base.pathname}/users?size=${params.arguments.limit}`, method: 'GET', headers: { authorization: `Bearer ${key}` },
    });
    const text = await answered.body.text();
    return { content: [{ type: 'text', text }], structuredContent: JSON.parse(text) };
  });
  return server;
}

http.createServer(async (req, res) => {
  const server = newServer();
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
  res.on('close', () => { transport.close(); server.close(); });
  await server.connect(transport);
  await transport.handleRequest(req, res);
}).listen(Number(port), host);
