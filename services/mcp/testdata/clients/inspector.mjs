// The command line of the MCP Inspector, one process a call.
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { run, url } from './steps.mjs';

const require = createRequire(import.meta.url);
const manifest = require.resolve('@modelcontextprotocol/inspector/package.json');
const bin = path.join(path.dirname(manifest), require(manifest).bin['mcp-inspector']);

async function inspect(...args) {
  const { stdout } = await promisify(execFile)(
    process.execPath, [bin, '--cli', url, '--transport', 'http', ...args], { maxBuffer: 16 << 20, timeout: 60_000 },
  );
  return JSON.parse(stdout);
}

await run('Inspector', {
  list: async () => (await inspect('--method', 'tools/list')).tools.map((tool) => tool.name),
  call: async (name, args) => {
    const given = Object.entries(args).flatMap(([key, value]) => ['--tool-arg', `${key}=${value}`]);
    const result = await inspect('--method', 'tools/call', '--tool-name', name, ...given);
    if (result.isError) {
      throw new Error(`${name}: ${result.content[0]?.text}`);
    }
    return result.structuredContent;
  },
});
