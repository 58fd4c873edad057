// The story that every sender tells; see ../README.md.

export const [host, writeKey, groupId, userId] = process.argv.slice(2);

if (!userId) {
  console.error('usage: node <sender>.mjs <host> <write key> <account> <user>');
  process.exit(2);
}

export const anonymousId = `anon-${userId}`;

export const identify = {
  userId,
  traits: { email: `${userId}@acme.example`, name: 'Ada Lovelace', title: 'VP of Engineering', plan: 'free' },
};

export const group = {
  userId,
  groupId,
  traits: { name: 'Acme', plan: 'free', employees: 120, website: 'https://acme.example' },
};

const boards = ['b1', 'b2'];

/** What the person did before they signed in. */
export const anonymousTracks = ['start', 'end'].map((step) => ({
  anonymousId,
  event: 'Tour Taken',
  properties: { step },
}));

export const tracks = [
  ...Array.from({ length: 12 }, (_, i) => ({
    userId,
    event: 'Task Created',
    properties: { board: boards[i % 2], minutes: i + 1 },
    context: { groupId },
  })),
  ...['ben', 'cem', 'dia', 'eva', 'ben'].map((name) => ({
    userId,
    event: 'User Invited',
    properties: { email: `${name}@acme.example` },
    context: { groupId },
  })),
];

export const page = { userId, category: 'Docs', name: 'Pricing', properties: { url: 'https://acme.example/pricing' } };
export const screen = { userId, name: 'Board', properties: { board: 'b1' } };
export const alias = { userId, previousId: anonymousId };
