// Does with jsforce what Handraiser does, and what people in the org do: finds what was brought, changes it, makes records of its own, and is
// told so where it asks for something that Salesforce doesn't do. In the end it uses up the calls that are left.
// node salesforce.mjs <url> <client id> <client secret> <lead id> <owner's id>; prints what it saw as JSON.

import jsforce from "jsforce";

const [url, clientId, clientSecret, lead, owner] = process.argv.slice(2);
const loginUrl = url.replace(/\/$/, "");
const grant = { grant_type: "client_credentials" };
const renew = async (conn, done) => done(null, (await conn.oauth2.requestToken(grant)).access_token);
const open = (secret) =>
  new jsforce.Connection({ version: "66.0", instanceUrl: loginUrl, oauth2: { clientId, clientSecret: secret, loginUrl }, refreshFn: renew });
const fails = (call) => call.then(() => "done", (error) => [error.name, error.errorCode ?? null, error.data?.fields ?? null]);

const conn = open(clientSecret);
const who = await conn.authorize(grant);
const wrong = await fails(open("wrong").authorize(grant));
const leads = conn.sobject("Lead");
const byId = `handraiser_lead_id__c = '${lead}'`;
const found = await conn.query(`SELECT Id, OwnerId, LastName FROM Lead WHERE ${byId} ORDER BY CreatedDate LIMIT 20`);
const { Id } = found.records[0];
const fields = (await conn.describe("Lead")).fields.filter((field) => field.externalId).map((field) => field.name);
const limits = await conn.limits();

await leads.update({ Id, Title: "At last" }, { headers: { "Sforce-Auto-Assign": "FALSE" } });
const jo = { LastName: "Doe", Company: "Globex", OwnerId: owner, handraiser_lead_id__c: "by_hand" };
const off = { headers: { "Sforce-Auto-Assign": "FALSE" } };
const made = await leads.upsert(jo, "handraiser_lead_id__c", off);
const owned = async () => (await conn.query("SELECT OwnerId FROM Lead WHERE handraiser_lead_id__c = 'by_hand'")).records[0].OwnerId;
const asWritten = await owned();
const again = await leads.upsert({ ...jo, LastName: "Roe" }, "handraiser_lead_id__c");
const assigned = await owned();
const plain = await leads.create({ LastName: "Poe", Company: "Initech" }, off);
await leads.destroy(plain.id);
const count = async (id) => (await conn.query(`SELECT Id FROM Lead WHERE Id = '${id}'`)).totalSize;
const kept = [await count(Id), await count(plain.id)];

const at = "/services/data/v66.0/sobjects";
const node = (referenceId, path, body) => ({ method: "PATCH", url: `${at}/${path}`, referenceId, body });
const graph = (name) => ({
  graphs: [{ graphId: "g", compositeRequest: [
    node("account", "Account/handraiser_account_id__c/globex", { Name: name }),
    node("contact", "Contact/handraiser_user_id__c/jo", { LastName: "Roe", AccountId: "@{account.id}" }),
  ] }],
});
const whole = await conn.requestPost("/composite/graph", graph("Globex"));
const halted = await conn.requestPost("/composite/graph", graph(""));
const codes = (answer) => answer.graphs[0].graphResponse.compositeResponse.map(({ httpStatusCode, body }) => [httpStatusCode, body[0]?.errorCode ?? "fine"]);

const refused = {
  required: await fails(leads.create({ LastName: "Nobody" })),
  unknown: await fails(leads.update({ Id, Shoe_Size__c: "43" })),
  query: await fails(conn.query("SELECT Shoe_Size__c FROM Lead WHERE Id = 'x'")),
  inactive: await fails(leads.update({ Id, OwnerId: "005000000000003AAA" })),
  notThere: await fails(leads.update({ Id: "00Q000000000000AAA", Title: "x" })),
};
conn.accessToken = "expired";
const renewed = (await conn.limits()).DailyApiRequests.Max;
let last = "done";
for (let call = 0; call < 100 && last === "done"; call += 1) last = await fails(conn.limits());

console.log(
  JSON.stringify({
    who: [who.id, who.organizationId],
    wrong,
    found: [found.totalSize, found.done, found.records[0].LastName],
    fields,
    limits: [limits.DailyApiRequests.Max, conn.limitInfo.apiUsage],
    upserts: [made.created, again.created, made.id === again.id],
    owners: [asWritten === owner, assigned === owner],
    kept,
    graphs: [codes(whole), codes(halted), halted.graphs[0].isSuccessful],
    refused,
    renewed,
    last,
  }),
);
