// http and http2 of Node as a client of the matrix: see matrix.py for what each word asks.
// node client.mjs STORY:CALLS,... BASE AT_ONCE h1|h2 [CA]
import fs from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";

const [stories, base, atOnce, version, ca] = process.argv.slice(2);
const SMALL = Buffer.alloc(1024), BIG = Buffer.alloc(4 << 20);
const trust = ca ? { ca: fs.readFileSync(ca) } : {};
const WANTED = { get: 1024, post: 1024, chunked: 1024, empty: 0, drip: 100000, slow: 8 << 20,
                 ends: 1024, cancel: 1024, trailers: 1024 };
const PATH = { get: "/page", post: "/echo", chunked: "/echo", empty: "/echo", refused: "/refuse",
               denied: "/denied", drip: "/drip", slow: "/large", ends: "/ends", cancel: "/page",
               trailers: "/trailers" };
const BODY = { post: SMALL, chunked: SMALL, refused: BIG, denied: SMALL };
const SIZED = ["post", "refused"];
const POSTS = ["post", "chunked", "empty", "refused", "denied"];
let story;

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
    request.end(body);
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
    if (body) stream.end(body);
  });
}

const stuck = () => new Promise((resolve) => setTimeout(resolve, 20_000, "stuck").unref());

async function tell(calls) {
  const outcomes = {};
  let next = 0;
  async function work() {
    while (next < calls) {
      const gives_up = story === "cancel" && next % 8 === 0;
      next += 1;
      const call = (version === "h1" ? call1 : call2)(gives_up);
      const word = await Promise.race([call, stuck()]);
      outcomes[word] = (outcomes[word] ?? 0) + 1;
    }
  }
  await Promise.all(Array.from({ length: Number(atOnce) }, work));
  return outcomes;
}

const told = {};
for (const part of stories.split(",")) {
  const [name, calls] = part.split(":");
  story = name;
  told[story] = await tell(Number(calls));
}
console.log(JSON.stringify(told));
process.exit(0);
