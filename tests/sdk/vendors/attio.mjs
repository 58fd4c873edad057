// Does with a client that is generated from Attio's own API description, and checks every answer against it, what Handraiser does, and what
// people in the workspace do: finds what was brought, changes it, makes records of its own, and is told so where it asks for something that
// Attio doesn't do.
// node attio.mjs <url> <token> <account id> <e-mail address> <lead id> <member's id>; prints what it saw as JSON.

import * as attio from "attio-ts-sdk";

const [url, apiKey, account, email, lead, member] = process.argv.slice(2);
const options = { baseUrl: url.replace(/\/$/, ""), throwOnError: true };
const client = attio.createAttioClient({ ...options, apiKey });
const hasty = attio.createAttioClient({ ...options, apiKey, retry: { maxRetries: 0 } });
const stranger = attio.createAttioClient({ ...options, apiKey: "f".repeat(64) });
const fails = (call) => call.then(() => "done", ({ status, code, name, message, data }) => [status ?? null, code ?? data?.code ?? name, message]);
const data = (answer) => answer.data.data ?? answer.data;
const write = (values) => ({ data: { values } });

const me = data(await attio.getV2Self({ client }));
const members = data(await attio.getV2WorkspaceMembers({ client }));
const attributes = data(await attio.getV2ByTargetByIdentifierAttributes({ client, path: { target: "objects", identifier: "deals" } }));
const find = async (object, filter) => data(await attio.postV2ObjectsByObjectRecordsQuery({ client, path: { object }, body: { filter, limit: 1 } }))[0];
const company = await find("companies", { handraiser_account_id: account });
const person = await find("people", { email_addresses: email });
const deal = await find("deals", { handraiser_lead_id: lead });
const id = deal.id.record_id;
const notes = data(await attio.getV2Notes({ client, query: { parent_object: "deals", parent_record_id: id, limit: 50, offset: 0 } }));

const path = { object: "deals", record_id: id };
await attio.patchV2ObjectsByObjectRecordsByRecordId({ client, path, body: write({ name: ["Kim, at last"] }) });
const shown = data(await attio.getV2ObjectsByObjectRecordsByRecordId({ client, path }));
const assert = async (name) =>
  data(await attio.putV2ObjectsByObjectRecords({
    client,
    path: { object: "companies" },
    query: { matching_attribute: "domains" },
    body: write({ domains: ["globex.example"], name: [name] }),
  }));
const [first, again] = [await assert("Globex"), await assert("Globex Inc.")];
const globex = { target_object: "companies", target_record_id: first.id.record_id };
const owner = { referenced_actor_type: "workspace-member", referenced_actor_id: member };
const made = data(await attio.postV2ObjectsByObjectRecords({
  client,
  path: { object: "deals" },
  body: write({ name: ["By hand"], stage: ["Lead"], owner: [owner], associated_company: [globex] }),
}));
const note = { parent_object: "deals", parent_record_id: made.id.record_id, title: "Called", format: "plaintext", content: "They are glad" };
const noted = data(await attio.postV2Notes({ client, body: { data: note } }));

const create = (values) => attio.postV2ObjectsByObjectRecords({ client, path: { object: "deals" }, body: write(values) });
const refused = {
  required: await fails(create({ name: ["Of nobody"] })),
  unknown: await fails(attio.patchV2ObjectsByObjectRecordsByRecordId({ client, path, body: write({ shoe_size: [43] }) })),
  notUnique: await fails(attio.putV2ObjectsByObjectRecords({ client, path: { object: "companies" }, query: { matching_attribute: "name" }, body: write({ name: ["x"] }) })),
  notThere: await fails(attio.patchV2ObjectsByObjectRecordsByRecordId({ client, path: { ...path, record_id: "bf071e1f-6035-429d-b874-d83ea64ea13b" }, body: write({ name: ["x"] }) })),
  token: await fails(attio.getV2Self({ client: stranger })),
};
// Faster than Attio allows: whoever waits as they are told gets it all.
const many = (client) => Promise.all(Array.from({ length: 150 }, () => fails(attio.patchV2ObjectsByObjectRecordsByRecordId({ client, path, body: write({ value: [1] }) }))));
const storm = (await many(hasty)).find((one) => one !== "done");
const sat = await many(client);

console.log(
  JSON.stringify({
    me: [me.active, me.workspace_name],
    members: members.map((one) => [one.email_address, one.access_level]),
    attributes: attributes.filter((one) => one.api_slug === "handraiser_lead_id").map((one) => [one.type, one.is_unique, one.is_writable]),
    company: company.values.name[0].value,
    person: person.values.email_addresses[0].email_address,
    deal: [deal.values.name[0].value, deal.values.stage[0].status.title, deal.values.owner[0].referenced_actor_id === member],
    notes: notes.map((one) => one.title),
    changed: shown.values.name[0].value,
    asserted: [first.id.record_id === again.id.record_id, again.values.name[0].value],
    made: made.values.associated_company[0].target_record_id === first.id.record_id,
    noted: [noted.title, noted.content_plaintext],
    refused,
    storm,
    sat: sat.every((one) => one === "done"),
  }),
);
