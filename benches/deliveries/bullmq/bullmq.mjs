// A queue of deliveries in BullMQ, as its documentation has it.
// node bullmq.mjs add <redis>: a job for each line of the input. node bullmq.mjs work <redis> <receiver> <concurrency>: brings them there.

import http from "node:http";
import { createInterface } from "node:readline";
import { Queue, Worker } from "bullmq";

const [role, redis, receiver, concurrency] = process.argv.slice(2);
const { hostname: host, port } = new URL(redis);
const connection = { host, port: Number(port), maxRetriesPerRequest: null };
const options = { attempts: 15, backoff: { type: "exponential", delay: 1000 }, removeOnComplete: true };

if (role === "add") {
  const queue = new Queue("deliveries", { connection });
  let some = [];
  const add = async () => queue.addBulk(some.splice(0).map((text) => ({ name: "lead", data: JSON.parse(text), opts: options })));
  for await (const line of createInterface({ input: process.stdin })) {
    some.push(line);
    if (some.length === 500) await add();
  }
  await add();
  await queue.close();
} else {
  const agent = new http.Agent({ keepAlive: true, maxSockets: Number(concurrency) });
  const post = (event) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify(event);
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body), "webhook-id": event.id };
      const request = http.request(receiver, { method: "POST", agent, headers }, (answer) => {
        answer.resume();
        answer.on("end", () => (answer.statusCode < 300 ? resolve() : reject(new Error(`${answer.statusCode}`))));
      });
      request.on("error", reject);
      request.end(body);
    });
  new Worker("deliveries", (job) => post(job.data), { connection, concurrency: Number(concurrency) });
}
