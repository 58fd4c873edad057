// Does with Pipedrive's own client what somebody in the company does: finds what Handraiser brought, changes it, makes records of its own.
// node pipedrive.mjs <url> <token> <account id> <e-mail address> <lead id>; prints what it saw as JSON.

import v1 from "pipedrive/v1";
import v2 from "pipedrive/v2";

const [url, apiKey, account, email, lead] = process.argv.slice(2);
const of = (version, path) => new version.Configuration({ apiKey, basePath: `${url}api/${path}` });
const [first, second] = [of(v1, "v1"), of(v2, "v2")];
const organizations = new v2.OrganizationsApi(second);
const persons = new v2.PersonsApi(second);
const leads = new v1.LeadsApi(first);
const notes = new v1.NotesApi(first);

const me = await new v1.UsersApi(first).getCurrentUser();
const users = await new v1.UsersApi(first).getUsers();
const fields = await new v2.OrganizationFieldsApi(second).getOrganizationFields();
const code = fields.data.find((field) => field.field_name === "Handraiser account").field_code;

const found = await organizations.searchOrganization({ term: account, fields: "custom_fields", exact_match: true });
const organization = await organizations.getOrganization({ id: found.data.items[0].item.id });
const they = await persons.searchPersons({ term: email, fields: "email", exact_match: true });
const person = await persons.getPerson({ id: they.data.items[0].item.id });
const its = await new v2.LeadsApi(second).searchLeads({ term: lead, fields: "custom_fields", exact_match: true });
const id = its.data.items[0].item.id;
const before = await leads.getLead({ id });
const said = await notes.getNotes({ lead_id: id });

await leads.updateLead({ id, UpdateLeadRequest: { title: "Kim, at last" } });
const made = await organizations.addOrganization({ AddOrganizationRequest: { name: "Globex" } });
const somebody = await persons.addPerson({
  AddPersonRequest: { name: "Jo", org_id: made.data.id, emails: [{ value: "jo@globex.example", primary: true }] },
});
const own = await leads.addLead({ AddLeadRequest: { title: "By hand", person_id: somebody.data.id } });
await notes.addNote({ AddNoteRequest: { content: "<p>Called</p>", lead_id: own.data.id } });
const refused = await leads.addLead({ AddLeadRequest: { title: "Of nobody" } }).catch(({ error }) => error);

console.log(
  JSON.stringify({
    me: me.data.id,
    users: users.data.length,
    organization: [organization.data.name, organization.data.custom_fields[code]],
    person: [person.data.emails[0].value, person.data.org_id === organization.data.id],
    lead: [before.data.title, before.data.owner_id, before.data.person_id === person.data.id],
    notes: said.data.length,
    refused,
  }),
);
