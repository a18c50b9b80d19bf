// grpc-js as a client of the matrix: see grpc_clients.py for what each word asks.
// node grpc_client.mjs STORY:CALLS,... BASE AT_ONCE h2 [CA]
import fs from "node:fs";
import { createRequire } from "node:module";

const grpc = createRequire(process.env.MODULES)("@grpc/grpc-js");
const [stories, base, atOnce, , ca] = process.argv.slice(2);
const SMALL = Buffer.alloc(100), LARGE = Buffer.alloc(256 * 1024);
const MESSAGES = 2000, TURNS = 100;
const COUNTS = { down: MESSAGES, slow: 64, watch: 1, late: 1 };
const trust = ca ? grpc.credentials.createSsl(fs.readFileSync(ca))
                 : grpc.credentials.createInsecure();
const client = new grpc.Client(base.split("://")[1], trust);
const same = (bytes) => bytes;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const judge = (fine) => (fine ? "ok" : "ok with other messages");
const limit = (ms = 60_000) => ({ deadline: Date.now() + ms });
const lost = (error) => `error: ${grpc.status[error.code]}`;

function unary(method, sent, options, judged, tell = (call) => {}) {
  return new Promise((resolve) => {
    let trailer;
    const call = client.makeUnaryRequest(`/matrix.Matrix/${method}`, same, same, sent,
      new grpc.Metadata(), options, (error, got) => resolve(judged(error, got, trailer)));
    call.on("status", (status) => (trailer = status.metadata));
    tell(call);
  });
}

function down(story) {
  return new Promise((resolve) => {
    const method = story[0].toUpperCase() + story.slice(1);
    const options = story === "watch" || story === "late" ? {} : limit();
    const call = client.makeServerStreamRequest(`/matrix.Matrix/${method}`, same, same, SMALL,
      new grpc.Metadata(), options);
    let got = 0;
    call.on("data", () => {
      got += 1;
      if (story === "slow") call.pause(), setTimeout(() => call.resume(), 20);
    });
    // The end waits until all messages are taken, and the status does not.
    call.on("error", (error) => resolve(lost(error)));
    call.on("end", () => resolve(judge(got === COUNTS[story])));
  });
}

function up() {
  return new Promise((resolve) => {
    const call = client.makeClientStreamRequest("/matrix.Matrix/Up", same, same,
      new grpc.Metadata(), limit(), (error, got) =>
        resolve(error ? lost(error) : judge(got.readUInt32BE() === MESSAGES)));
    for (let i = 0; i < MESSAGES; i++) call.write(SMALL);
    call.end();
  });
}

function both() {
  return new Promise((resolve) => {
    const call = client.makeBidiStreamRequest("/matrix.Matrix/Both", same, same,
      new grpc.Metadata(), limit());
    let got = 0;
    call.on("data", () => (++got < TURNS ? call.write(SMALL) : call.end()));
    call.on("error", (error) => resolve(lost(error)));
    call.on("status", (status) => status.code === 0 && resolve(judge(got === TURNS)));
    call.write(SMALL);
  });
}

const told = (error, _, trailer) =>
  error?.code === grpc.status.FAILED_PRECONDITION && error.details === "as it should: ü"
    ? trailer?.get("x-request-id")[0] === "of-the-trailer" ? "told" : "told too little"
    : error ? lost(error) : judge(false);
const code = (error) => (error ? grpc.status[error.code] : judge(false));
const echoed = (sent) => (error, got) => (error ? lost(error) : judge(got.length === sent.length));

async function call(story, number) {
  if (story in COUNTS) return down(story);
  if (story === "up") return up();
  if (story === "both") return both();
  if (story === "large") return unary("Echo", LARGE, limit(), echoed(LARGE));
  if (story === "fail") return unary("Fail", SMALL, limit(), told);
  if (story === "deadline") return unary("Never", SMALL, limit(50), code);
  if (story === "cancel" && number % 8 === 0) {
    return unary("Never", SMALL, {}, code, (call) => setTimeout(() => call.cancel(), 20));
  }
  if (story === "restart" || story === "race") await wait(15 + number % 11);
  return unary("Echo", SMALL, limit(), echoed(SMALL));
}

async function tell(story, count) {
  const outcomes = {};
  let next = 0;
  async function work() {
    while (next < count) {
      const word = await call(story, next++);
      outcomes[word] = (outcomes[word] ?? 0) + 1;
    }
  }
  await Promise.all(Array.from({ length: Number(atOnce) }, work));
  return outcomes;
}

const all = {};
for (const part of stories.split(",")) {
  const [story, count] = part.split(":");
  all[story] = await tell(story, Number(count));
}
console.log(JSON.stringify(all));
process.exit(0);
