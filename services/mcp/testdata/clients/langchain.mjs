// The MCP adapters of LangChain, as an agent would use them.
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { run, url } from './steps.mjs';

const client = new MultiServerMCPClient({
  prefixToolNameWithServerName: false,
  throwOnLoadError: true,
  mcpServers: { sando: { transport: 'http', url } },
});
const tools = await client.getTools();

await run('LangChain adapters', {
  list: async () => tools.map((tool) => tool.name),
  call: async (name, args) => {
    const answer = await tools.find((tool) => tool.name === name).invoke(args);
    return JSON.parse(typeof answer === 'string' ? answer : answer.text);
  },
});
