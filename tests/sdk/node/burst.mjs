// Sends more at once than an SDK puts into one request, unpaced, so that requests overtake one another. No event names its account:
// only the group calls say whose it is.
// node burst.mjs <segment|rudder> <one|import> <host> <write key>
//   one:    a user of one account who does 60 things, in requests of three calls (flushAt: 3)
//   import: 300 accounts with a user who does three things each, at the SDK's default settings
import { Analytics as Segment } from '@segment/analytics-node';
import RudderAnalytics from '@rudderstack/rudder-sdk-node';

const [sdk, mode, host, writeKey] = process.argv.slice(2);
const Rudder = RudderAnalytics.default ?? RudderAnalytics;
const settings = mode === 'one' ? { flushAt: 3 } : {};
const [accounts, tasks] = mode === 'one' ? [1, 60] : [300, 3];

const failures = [];
let calls = 0;
let answered = 0;
const done = (error) => {
  answered += 1;
  if (error) failures.push(error);
};
const analytics =
  sdk === 'segment'
    ? new Segment({ writeKey, host, ...settings })
    : new Rudder(writeKey, { dataPlaneUrl: host, ...settings });
const call = (name, event) => {
  calls += 1;
  analytics[name](event, done);
};

for (let n = 0; n < accounts; n += 1) {
  const [userId, groupId] = [`${sdk}-user-${n}`, `${sdk}-account-${n}`];
  call('identify', { userId, traits: { name: `User ${n}` } });
  call('group', { userId, groupId, traits: { name: `Account ${n}`, plan: 'free' } });
  for (let task = 0; task < tasks; task += 1) call('track', { userId, event: 'Task Created', properties: { task } });
}

if (sdk === 'segment') await analytics.closeAndFlush({ timeout: 30_000 });
const deadline = Date.now() + 30_000;
while (answered < calls && Date.now() < deadline) {
  if (sdk === 'rudder') await analytics.flush().catch((error) => failures.push(error));
  await new Promise((resolve) => setTimeout(resolve, 20));
}
if (answered < calls) failures.push(new Error(`${calls - answered} of ${calls} calls were never answered`));
if (failures.length > 0) {
  console.error(failures.slice(0, 3));
  process.exit(1);
}
process.exit(0);
