// Sends the story with analytics-node 6, Segment's SDK before @segment/analytics-node, as its documentation shows.
import Analytics from 'analytics-node';
import { send } from './send_rudder.mjs';
import * as story from './story.mjs';

await send(new Analytics(story.writeKey, { host: story.host, flushAt: 7, flushInterval: 100 }));
