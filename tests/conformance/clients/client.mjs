// http and http2 of Node, and fetch of undici, as clients of the matrix: see clients.py for what each
// word asks. node client.mjs core|undici STORY:CALLS,... BASE AT_ONCE h1|h2 [CA]
import fs from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import { createRequire } from "node:module";

const [kind, stories, base, atOnce, version, ca] = process.argv.slice(2);
const SMALL = Buffer.alloc(1024), BIG = Buffer.alloc(4 << 20), CRUMBS = 5000;
const trust = ca ? { ca: fs.readFileSync(ca) } : {};
const WANTED = { get: 1024, post: 1024, chunked: 1024, empty: 0, drip: 100000, slow: 8 << 20,
                 ends: 1024, cancel: 1024, trailers: 1024, watch: 2, crumbs: CRUMBS,
                 restart: 1024, race: 1024 };
const PATH = { get: "/page", post: "/echo", chunked: "/echo", empty: "/echo", refused: "/refuse",
               denied: "/denied", drip: "/drip", slow: "/large", ends: "/ends", cancel: "/page",
               trailers: "/trailers", watch: "/watch", crumbs: "/echo", restart: "/page",
               race: "/page" };
const BODY = { post: SMALL, chunked: SMALL, refused: BIG, denied: SMALL, crumbs: Buffer.alloc(CRUMBS) };
const SIZED = ["post", "refused"];
const POSTS = ["post", "chunked", "empty", "refused", "denied", "crumbs"];
const PAUSED = ["restart", "race"];
let story;

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const agent = new (ca ? https : http).Agent({ keepAlive: true, maxSockets: Number(atOnce) });
let session;

function judge(status, got, trailers) {
  if (WANTED[story] !== undefined && got !== WANTED[story]) return `${status} with ${got} bytes`;
  if (story === "trailers" && (trailers["x-sum"] !== "17" || !trailers["x-request-id"])) {
    return `${status} without its trailers`;
  }
  return String(status);
}

function take(stream, done) {
  let got = 0;
  stream.on("data", (piece) => {
    got += piece.length;
    if (story !== "slow" || got % (1 << 20) >= piece.length) return;
    stream.pause();
    setTimeout(() => stream.resume(), 50);
  });
  stream.on("end", () => done(got));
}

// A large body by 64 KiB: a session refuses all calls while it holds more than 10 MiB. One byte with
// each write of `crumbs`: a chunk or a DATA frame each.
async function send(request, body) {
  const step = story === "crumbs" ? 1 : 64 * 1024;
  if (body && body.length > SMALL.length) {
    for (let at = 0; at < body.length && !request.destroyed; at += step) {
      const more = request.write(body.subarray(at, at + step));
      if (!more) await new Promise((resolve) => request.once("drain", resolve));
    }
    body = undefined;
  }
  request.end(body);
}

function call1(gives_up) {
  return new Promise((resolve) => {
    const body = BODY[story];
    const headers = body && SIZED.includes(story) ? { "content-length": body.length } : {};
    const options = { agent, method: POSTS.includes(story) ? "POST" : "GET", headers, ...trust };
    const to = new URL(gives_up ? "/never" : PATH[story], base);
    const request = (ca ? https : http).request(to, options, (answer) => {
      take(answer, (got) => resolve(judge(answer.statusCode, got, answer.trailers)));
      answer.on("error", (error) => resolve(`${answer.statusCode}, then ${error.code}`));
    });
    request.on("error", (error) => resolve(gives_up ? "given up" : `error: ${error.code}`));
    if (gives_up) setTimeout(() => request.destroy(), 20);
    send(request, body);
  });
}

function call2(gives_up) {
  return new Promise((resolve) => {
    if (!session || session.closed || session.destroyed) {
      session = http2.connect(base, trust);
      session.on("error", () => {});
    }
    const body = BODY[story];
    const headers = { ":method": POSTS.includes(story) ? "POST" : "GET", ":path": gives_up ? "/never" : PATH[story] };
    if (body && SIZED.includes(story)) headers["content-length"] = body.length;
    const stream = session.request(headers, { endStream: !body });
    let status, trailers = {};
    stream.on("response", (fields) => {
      status = fields[":status"];
      // Node waits for the end of its own body, which nobody reads on.
      if (story === "refused") resolve(String(status));
    });
    stream.on("trailers", (fields) => (trailers = fields));
    stream.on("error", (error) =>
      resolve(gives_up ? "given up" : status ? `${status}, then ${error.code}`
                                             : `error: ${error.code}`));
    stream.on("close", () => resolve(gives_up ? "given up" : `closed: ${stream.rstCode}`));
    take(stream, (got) => status && resolve(judge(status, got, trailers)));
    if (gives_up) setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), 20);
    if (body) send(stream, body);
  });
}

async function* pieces() {
  if (story !== "crumbs") yield SMALL;
  for (let i = 0; story === "crumbs" && i < CRUMBS; i++) yield Buffer.from("x");
}

let undici, dispatcher;
if (kind === "undici") {
  undici = createRequire(process.env.MODULES)("undici");
  dispatcher = new undici.Agent({ connections: version === "h1" ? Number(atOnce) : 1,
                                  pipelining: version === "h1" ? 1 : 100,
                                  allowH2: version === "h2", connect: trust });
}

async function fetched(gives_up) {
  const options = { dispatcher, method: POSTS.includes(story) ? "POST" : "GET", duplex: "half" };
  if (BODY[story]) options.body = SIZED.includes(story) ? BODY[story] : pieces();
  if (gives_up) options.signal = AbortSignal.timeout(20);
  let status;
  try {
    const answer = await undici.fetch(base + (gives_up ? "/never" : PATH[story]), options);
    status = answer.status;
    let got = 0, paused = 0;
    for await (const piece of answer.body ?? []) {
      got += piece.length;
      if (story === "slow" && got >> 20 > paused) await wait(50), (paused = got >> 20);
    }
    return judge(status, got, {});
  } catch (error) {
    const code = error.cause?.code ?? error.code ?? error.name;
    return gives_up ? "given up" : status ? `${status}, then ${code}` : `error: ${code}`;
  }
}

const call = kind === "undici" ? fetched : version === "h1" ? call1 : call2;
const stuck = () => new Promise((resolve) => setTimeout(resolve, 20_000, "stuck").unref());

async function tell(count) {
  const outcomes = {};
  let next = 0;
  async function work() {
    while (next < count) {
      const number = next++;
      if (PAUSED.includes(story)) await wait(15 + number % 11);
      const word = await Promise.race([call(story === "cancel" && number % 8 === 0), stuck()]);
      outcomes[word] = (outcomes[word] ?? 0) + 1;
    }
  }
  await Promise.all(Array.from({ length: Number(atOnce) }, work));
  return outcomes;
}

const told = {};
for (const part of stories.split(",")) {
  const [name, count] = part.split(":");
  story = name;
  told[story] = await tell(Number(count));
}
console.log(JSON.stringify(told));
process.exit(0);
