// Sends the story with @customerio/cdp-analytics-node, as its documentation shows.
import { Analytics } from '@customerio/cdp-analytics-node';
import { send } from './send_segment.mjs';

await send(Analytics);
