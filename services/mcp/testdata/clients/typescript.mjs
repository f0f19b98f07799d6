// The client of the TypeScript SDK, which checks structured content against the output schemas.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { run, url } from './steps.mjs';

const client = new Client({ name: 'typescript-client', version: '1.0.0' });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));

await run('TypeScript SDK', {
  list: async () => (await client.listTools()).tools.map((tool) => tool.name),
  call: async (name, args) => {
    const result = await client.callTool({ name, arguments: args });
    if (result.isError) {
      throw new Error(`${name}: ${result.content[0]?.text}`);
    }
    if (JSON.stringify(JSON.parse(result.content[0].text)) !== JSON.stringify(result.structuredContent)) {
      throw new Error(`${name}: text and structured content differ`);
    }
    return result.structuredContent;
  },
});
