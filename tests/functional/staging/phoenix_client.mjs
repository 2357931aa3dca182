// A client that this project did not write: Phoenix's own JavaScript client over Node's `ws`.
// Started with the folder that holds both packages, the socket's address, the token and the retention floor of the
// workers' topic; prints `ready` when it waits for a live event, then its story as one line of JSON.
import { createRequire } from "node:module";

const [folder, address, token, floor] = process.argv.slice(2);
const load = createRequire(`${folder}/package.json`);
const { Socket } = load("phoenix");
const { WebSocket } = load("ws");
const TOPIC = "runtime.codex_worker_summaries";

const socket = new Socket(address, { transport: WebSocket, params: { token } });
socket.connect();

const reply = (push) => new Promise((resolve) => {
  push
    .receive("ok", (response) => resolve({ status: "ok", response }))
    .receive("error", (response) => resolve({ status: "error", response }))
    .receive("timeout", () => resolve({ status: "timeout" }));
});

/** Resolves with every update until a batch completes the replay. */
const replayed = (channel) => new Promise((resolve) => {
  const updates = [];
  const reference = channel.on("sync:update_batch", (batch) => {
    updates.push(...batch.updates);
    if (!batch.replay_complete) return;
    channel.off("sync:update_batch", reference);
    resolve(updates);
  });
});

const pushed = (channel, event) => new Promise((resolve) => {
  const reference = channel.on(event, (payload) => {
    channel.off(event, reference);
    resolve(payload);
  });
});

const story = {};
story.elsewhere = await reply(socket.channel("sync:v2", {}).join());

const channel = socket.channel("sync:v1", {});
story.joined = await reply(channel.join());

let updates = replayed(channel);
story.subscribed = await reply(channel.push("sync:subscribe", { topics: [TOPIC], resume_after: { [TOPIC]: Number(floor) } }));
story.replayed = await updates;

const cursor = story.replayed.at(-1).watermark - 2;
updates = replayed(channel);
story.resumed = await reply(
  channel.push("sync:subscribe", { topics: [TOPIC], resume_after: [{ topic: TOPIC, watermark: cursor }] }),
);
story.missed = await updates;

const beat = pushed(channel, "sync:heartbeat");
story.heartbeat = await reply(channel.push("sync:heartbeat", {}));
story.beat = await beat;

const told = pushed(channel, "sync:error");
story.stale = await reply(
  channel.push("sync:subscribe", { topics: [TOPIC], resume_after: { [TOPIC]: Number(floor) - 1 } }),
);
story.told = await told;

const live = pushed(channel, "sync:update_batch");
process.stdout.write("ready\n");
story.live = await live;
story.left = await reply(channel.leave());

process.stdout.write(`${JSON.stringify(story)}\n`, () => process.exit(0));
