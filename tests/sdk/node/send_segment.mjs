// Sends the story with @segment/analytics-node, as its documentation shows; Customer.io's has the same interface.
import { pathToFileURL } from 'node:url';
import { Analytics } from '@segment/analytics-node';
import * as story from './story.mjs';

export async function send(Analytics) {
  const failures = [];
  const analytics = new Analytics({ writeKey: story.writeKey, host: story.host, flushAt: 7, flushInterval: 100 });
  analytics.on('error', (error) => failures.push(error));

  story.anonymousTracks.forEach((event) => analytics.track(event));
  analytics.identify(story.identify);
  analytics.group(story.group);
  story.tracks.forEach((event) => analytics.track(event));
  analytics.page(story.page);
  analytics.screen(story.screen);
  analytics.alias(story.alias);

  await analytics.closeAndFlush({ timeout: 20_000 });
  if (failures.length > 0) {
    console.error(failures);
    process.exit(1);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await send(Analytics);
