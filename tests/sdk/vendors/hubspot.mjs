// Does with HubSpot's own client what Handraiser does, and what people in the account do: finds what was brought, changes it, makes records
// of its own, and is told so where it asks for something that HubSpot doesn't do.
// node hubspot.mjs <url> <token> <account id> <e-mail address> <lead id> <owner>; prints what it saw as JSON.

import { Client } from "@hubspot/api-client";

// The client waits ten seconds where it is refused for its pace; here they are short.
const wait = globalThis.setTimeout;
globalThis.setTimeout = (work, ms, ...rest) => wait(work, ms / 10, ...rest);

const [url, accessToken, account, email, lead, owner] = process.argv.slice(2);
const options = { accessToken, basePath: url.replace(/\/$/, "") };
const { crm } = new Client(options);
const { batchApi: contacts, searchApi: people, basicApi: contact } = crm.contacts;
const leads = crm.objects.leads;
const fails = (call) => call.then(() => "done", ({ code, body }) => [code, body.category ?? body.policyName ?? body.errorType]);
const of = (from, to, associationTypeId) => ({
  to: { id: to },
  types: [{ associationCategory: "HUBSPOT_DEFINED", associationTypeId }],
});

const owners = await crm.owners.ownersApi.getPage(owner, undefined, 100, false);
const companies = await crm.companies.batchApi.read({
  idProperty: "handraiser_account_id",
  inputs: [{ id: account }, { id: "nobody" }],
  properties: ["name", "handraiser_account_id"],
  propertiesWithHistory: [],
});
const filter = { propertyName: "email", operator: "EQ", value: email };
const found = await people.doSearch({ filterGroups: [{ filters: [filter] }], properties: ["email"], limit: 10, after: "0", sorts: [] });
const its = await leads.batchApi.read({ idProperty: "handraiser_lead_id", inputs: [{ id: lead }], properties: ["hs_lead_name"], propertiesWithHistory: [] });
const { id } = its.results[0];
const shown = await leads.basicApi.getById(id, ["hs_lead_name", "hubspot_owner_id"], undefined, ["notes"]);
const property = await crm.properties.batchApi.read("leads", { inputs: [{ name: "handraiser_lead_id" }], archived: false });

await leads.basicApi.update(id, { properties: { hs_lead_name: "Kim, at last" } });
const upserted = await contacts.upsert({ inputs: [{ id: "jo@globex.example", idProperty: "email", properties: { firstname: "Jo" } }] });
const again = await contacts.upsert({ inputs: [{ id: "jo@globex.example", idProperty: "email", properties: { firstname: "Joanne" } }] });
const jo = upserted.results[0].id;
const globex = await crm.companies.basicApi.create({ properties: { name: "Globex" }, associations: [] });
await crm.associations.v4.basicApi.createDefault("contacts", jo, "companies", globex.id);
const own = await leads.basicApi.create({ properties: { hs_lead_name: "By hand" }, associations: [of("leads", jo, 578)] });
await crm.objects.notes.basicApi.create({
  properties: { hs_timestamp: "2026-11-30T12:00:00Z", hs_note_body: "<p>Called</p>" },
  associations: [of("notes", own.id, 855)],
});

const refused = {
  ofNobody: await fails(leads.basicApi.create({ properties: { hs_lead_name: "Of nobody" }, associations: [] })),
  unknownProperty: await fails(contact.update(jo, { properties: { shoe_size: "43" } })),
  twice: await fails(contact.create({ properties: { email }, associations: [] })),
  notUnique: await fails(contacts.upsert({ inputs: [{ id: "Jo", idProperty: "firstname", properties: {} }] })),
  notThere: await fails(leads.basicApi.getById("1")),
  token: await fails(new Client({ ...options, accessToken: "wrong" }).crm.owners.ownersApi.getPage()),
};
// Faster than HubSpot allows: whoever waits as they are told gets it all. (The client that was made last decides how all of them wait.)
const many = (count, { crm }) => Promise.all(Array.from({ length: count }, () => fails(crm.contacts.basicApi.getById(jo))));
const storm = await many(150, new Client({ ...options, limiterOptions: { minTime: 0, maxConcurrent: 40 } }));
const sat = await many(10, new Client({ ...options, numberOfApiCallRetries: 6, limiterOptions: { minTime: 0, maxConcurrent: 20 } }));

console.log(
  JSON.stringify({
    owner: [owners.results[0].id, owners.results[0].email],
    company: [companies.results[0].properties.name, companies.numErrors, companies.errors[0].category],
    contact: [found.total, found.results[0].properties.email],
    lead: [shown.properties.hs_lead_name, shown.properties.hubspot_owner_id, shown.associations.notes.results.length],
    dated: [shown.createdAt, shown.updatedAt, upserted.startedAt, upserted.completedAt].every((at) => at > 0),
    property: [property.results[0].name, property.results[0].hasUniqueValue],
    upserts: [upserted.results[0]._new, again.results[0]._new, again.results[0].id === jo],
    refused,
    storm: storm.find((one) => one !== "done"),
    sat: sat.every((one) => one === "done"),
  }),
);
