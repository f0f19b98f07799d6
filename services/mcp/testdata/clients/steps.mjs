// What every client does: list the tools, then call each of the 26, with what earlier answers said. A client brings list(), which gives the
// names, and call(name, arguments), which gives the answer's JSON and throws on a failed call.
export const url = process.env.MCP_URL;
if (!url) {
  console.error('MCP_URL is not set: give the URL of an MCP server with the default tools, as sando-dev prints it');
  process.exit(2);
}

const file = Buffer.from('id,name\n1,Tony\n').toString('base64');

// steps are name, arguments made from what is known, and what to remember of the answer.
const steps = [
  ['list_all_torii_me', () => ({})],
  ['list_all_torii_users', () => ({ limit: 5 }), (a, k) => { k.user = a.result[0].id; }],
  ['get_single_torii_user_by_id', (k) => ({ id: k.user })],
  ['update_a_torii_user_by_id', (k) => ({ id: k.user, lifecycleStatus: 'active' })],
  ['list_all_torii_apps', () => ({ limit: 3 }), (a, k) => { k.app = a.result[0].id; }],
  ['get_single_torii_app_by_id', (k) => ({ id: k.app })],
  ['list_all_torii_application_users', (k) => ({ id_app: k.app, limit: 1 })],
  ['list_all_torii_user_applications', (k) => ({ id_user: k.user }), (a, k) => { k.assigned = a.result[0].id; }],
  ['get_single_torii_user_application_by_id', (k) => ({ id_user: k.user, id: k.assigned })],
  ['update_a_torii_user_application_by_id', (k) => ({ id_user: k.user, id: k.assigned, isUserRemovedFromApp: false })],
  ['list_all_torii_contracts', () => ({ limit: 2 })],
  ['create_a_torii_contract', (k) => ({ name: 'Yearly', idApp: k.app, status: 'active' }), (a, k) => { k.contract = a.result.id; }],
  ['get_single_torii_contract_by_id', (k) => ({ id: k.contract })],
  ['update_a_torii_contract_by_id', (k) => ({ id: k.contract, name: 'Yearly, renewed' })],
  ['delete_a_torii_contract_by_id', (k) => ({ id: k.contract })],
  ['list_all_torii_roles', () => ({})],
  ['list_all_torii_workflow_action_executions', () => ({ limit: 2 })],
  ['create_a_torii_app', () => ({ name: 'Internal tool', state: 'discovered' }), (a, k) => { k.made = a.result.id; }],
  ['update_a_torii_app_by_id', (k) => ({ id: k.made, state: 'sanctioned' })],
  ['torii_apps_search', () => ({ q: 's' })],
  ['torii_files_upload', () => ({ file, file_name: 'expenses.csv', type: 'expenseReport' }), (a, k) => { k.file = a.result.id; }],
  ['get_single_torii_file_by_id', (k) => ({ id: k.file })],
  ['create_a_torii_file', () => ({ path: '1767225600/expenses.csv', type: 'expenseReport' })],
  ['list_all_torii_audit_logs', () => ({ limit: 2 })],
  ['list_all_torii_user_custom_fields', () => ({})],
  ['list_all_torii_user_field_metadata', () => ({})],
];

// run ends the process: 0 when everything worked, 1 with the first fault otherwise.
export async function run(client, { list, call }) {
  try {
    const names = [...(await list())].sort();
    const wanted = steps.map(([name]) => name).sort();
    if (JSON.stringify(names) !== JSON.stringify(wanted)) {
      throw new Error(`the server lists ${names.length} tools: ${names}`);
    }
    const known = {};
    for (const [name, make, keep] of steps) {
      const answer = await call(name, make(known));
      if (!answer || answer.result === undefined) {
        throw new Error(`${name} answered without a result: ${JSON.stringify(answer)}`);
      }
      keep?.(answer, known);
    }
    console.log(`ok ${client}: ${steps.length} tools listed and called`);
    process.exit(0);
  } catch (fault) {
    console.error(`FAIL ${client}: ${fault?.stack ?? fault}`);
    process.exit(1);
  }
}
