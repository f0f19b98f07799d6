// The client of the TypeScript SDK, asked by a server that confirms what destroys: what its user says decides.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

const url = process.env.MCP_URL;
if (!url) {
  console.error('MCP_URL is not set: give the URL of an MCP server with confirm_destructive');
  process.exit(2);
}

const client = new Client({ name: 'typescript-asker', version: '1.0.0' }, { capabilities: { elicitation: {} } });
let action;
let asked = 0;
client.setRequestHandler(ElicitRequestSchema, async () => {
  asked += 1;
  return { action, ...(action === 'accept' ? { content: {} } : {}) };
});
await client.connect(new StreamableHTTPClientTransport(new URL(url)));

async function call(name, args) {
  return client.callTool({ name, arguments: args });
}

try {
  const apps = await call('list_all_torii_apps', { limit: 1 });
  for (action of ['decline', 'cancel', 'accept']) {
    const idApp = apps.structuredContent.result[0].id;
    const made = await call('create_a_torii_contract', { name: 'Yearly', idApp, status: 'active' });
    const { id } = made.structuredContent.result;
    const result = await call('delete_a_torii_contract_by_id', { id });
    const left = await call('get_single_torii_contract_by_id', { id });
    if (Boolean(result.isError) === (action === 'accept') || Boolean(left.isError) !== (action === 'accept')) {
      throw new Error(`${action}: ${result.content[0].text}; afterwards ${left.content[0].text}`);
    }
  }
  if (asked !== 3) {
    throw new Error(`the user was asked ${asked} times`);
  }
  console.log('ok TypeScript SDK: asked and answered');
  process.exit(0);
} catch (fault) {
  console.error(`FAIL TypeScript SDK, elicitation: ${fault?.stack ?? fault}`);
  process.exit(1);
}
