// Tells the story in a headless Chromium, with a browser SDK on a page of another origin than the server's:
// node send.mjs <segment|rudder|rudder2> <paced|burst> <host> <write key> <account> <user>
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const [sdk, pace, host, writeKey, groupId, userId] = process.argv.slice(2);
const scripts = {
  segment: '@segment/analytics-next/dist/umd/index.js',
  rudder: '@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js',
  rudder2: 'rudder-sdk-js/dist/npm/index.js',
};
const modules = fileURLToPath(new URL('node_modules/', import.meta.url));

// How each SDK is loaded, in the page.
const load = {
  segment: ({ host, writeKey }) => {
    const settings = { apiHost: `${new URL(host).host}/v1`, protocol: 'http' };
    window.sdk = window.AnalyticsNext.AnalyticsBrowser.load(
      { writeKey, cdnSettings: { integrations: { 'Segment.io': { apiKey: writeKey } } } },
      { integrations: { 'Segment.io': settings } },
    );
  },
  rudder: ({ host, writeKey }) => {
    const Rudder = window.rudderanalytics?.RudderAnalytics ?? window.RudderAnalytics;
    window.sdk = new Rudder();
    window.sdk.load(writeKey, host, { configUrl: host });
  },
  rudder2: ({ host, writeKey }) => {
    window.sdk = window.rudderanalytics;
    window.sdk.load(writeKey, host, { configUrl: host });
  },
};

// Groups of calls; the calls of a group may arrive in any order.
const phases = ({ groupId, userId }) => [
  ['start', 'end'].map((step) => ['track', 'Tour Taken', { step }]),
  [['identify', userId, { email: `${userId}@acme.example`, name: 'Ada Lovelace', title: 'VP of Engineering', plan: 'free' }]],
  [['group', groupId, { name: 'Acme', plan: 'free', employees: 120, website: 'https://acme.example' }]],
  [
    ...Array.from({ length: 12 }, (_, i) => ['track', 'Task Created', { board: `b${1 + (i % 2)}`, minutes: i + 1 }]),
    ...['ben', 'cem', 'dia', 'eva', 'ben'].map((name) => ['track', 'User Invited', { email: `${name}@acme.example` }]),
    ['page', 'Docs', 'Pricing'],
  ],
];

// The product's own web server: a page, and the SDK's file.
const site = createServer((request, response) => {
  if (request.url === '/') {
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><title>Acme board</title><script src="/${scripts[sdk]}"></script>`);
    return;
  }
  response.setHeader('content-type', 'text/javascript');
  createReadStream(modules + request.url.slice(1).split('?')[0])
    .on('error', () => response.writeHead(404).end())
    .pipe(response);
});
await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error('page error:', error.message));
  page.on('requestfailed', (request) => console.error('failed:', request.url(), request.failure()?.errorText));
  await page.goto(`http://127.0.0.1:${site.address().port}/`);

  // Answers to events, by the last part of their path: i, identify, …
  const answers = [];
  page.on('response', (response) => {
    if (response.request().method() === 'POST') answers.push([new URL(response.url()).pathname, response.status()]);
  });
  const answered = async (count) => {
    const deadline = Date.now() + 20_000;
    while (answers.length < count) {
      if (Date.now() > deadline) throw new Error(`${answers.length} of ${count} calls were answered: ${answers}`);
      await page.waitForTimeout(20);
    }
  };

  await page.evaluate(load[sdk], { host, writeKey });
  let calls = 0;
  // In the browser each call is a request of its own, and requests overtake one another: what later calls build on is awaited, or
  // nothing is.
  const story = phases({ groupId, userId });
  for (const phase of pace === 'burst' ? [story.flat()] : story) {
    await page.evaluate((phase) => phase.forEach(([name, ...rest]) => window.sdk[name](...rest)), phase);
    calls += phase.length;
    await answered(calls);
  }
  const bad = answers.filter(([, status]) => status !== 200);
  if (bad.length > 0) throw new Error(`not accepted: ${JSON.stringify(bad)}`);
} finally {
  await browser.close();
  site.close();
}
