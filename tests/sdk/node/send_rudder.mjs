// Sends the story with @rudderstack/rudder-sdk-node, as its documentation shows; its default is gzip. Segment's own SDK before the
// present one (analytics-node) has the same interface.
import { pathToFileURL } from 'node:url';
import RudderAnalytics from '@rudderstack/rudder-sdk-node';
import * as story from './story.mjs';

export async function send(analytics) {
  const failures = [];
  let answered = 0;
  let sent = 0;
  const done = (error) => {
    answered += 1;
    if (error) failures.push(error);
  };
  const send = (call, event) => {
    sent += 1;
    call.call(analytics, event, done);
  };

  story.anonymousTracks.forEach((event) => send(analytics.track, event));
  send(analytics.identify, story.identify);
  send(analytics.group, story.group);
  story.tracks.forEach((event) => send(analytics.track, event));
  send(analytics.page, story.page);
  send(analytics.screen, story.screen);
  send(analytics.alias, story.alias);

  const deadline = Date.now() + 20_000;
  while (answered < sent && Date.now() < deadline) {
    await analytics.flush().catch((error) => failures.push(error));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  if (answered < sent) failures.push(new Error(`${sent - answered} of ${sent} calls were never answered`));
  if (failures.length > 0) {
    console.error(failures);
    process.exit(1);
  }
  process.exit(0);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const Analytics = RudderAnalytics.default ?? RudderAnalytics;
  await send(new Analytics(story.writeKey, { dataPlaneUrl: story.host, flushAt: 7, flushInterval: 100 }));
}
