// http and http2 of Node as a server of the matrix: node server.mjs FD IDLE_MS h1|h2 [CERT KEY]
import fs from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";

const [fd, idle, version, cert, key] = process.argv.slice(2);
const PAGE = Buffer.alloc(1024), LARGE = Buffer.alloc(8 << 20);

async function drip(answer) {
  for (let i = 0; i < 100000; i++) {
    if (!answer.write("x")) await new Promise((resolve) => answer.once("drain", resolve));
  }
  answer.end();
}

function serve(request, answer) {
  switch (request.url) {
    case "/echo": {
      const pieces = [];
      request.on("data", (piece) => pieces.push(piece));
      return request.on("end", () => answer.end(Buffer.concat(pieces)));
    }
    case "/drip": return drip(answer);
    case "/large": return answer.end(LARGE);
    case "/denied": return answer.writeHead(401).end();
    case "/refuse": return answer.writeHead(413).end();
    case "/never": return;
    case "/watch": return answer.write("x"), setTimeout(() => answer.end("x"), 3000);
    case "/ends":
      if (version === "h1" && Math.random() < 1 / 8) answer.setHeader("Connection", "close");
  }
  answer.end(PAGE);
}

const trust = cert ? { cert: fs.readFileSync(cert), key: fs.readFileSync(key) } : {};
const server = version === "h2" ? (cert ? http2.createSecureServer(trust, serve)
                                        : http2.createServer(serve))
                                : (cert ? https : http).createServer(trust, serve);
const sessions = new Set();
server.on("session", (session) => {
  sessions.add(session);
  if (idle > 0) session.setTimeout(Number(idle), () => session.close());
  session.on("close", () => sessions.delete(session));
});
if (idle > 0) server.keepAliveTimeout = Number(idle);
server.listen({ fd: Number(fd) }, () => fs.writeSync(Number(process.env.READY), "x"));
// A restart is announced: GOAWAY, or the end of connections that are idle.
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  for (const session of sessions) session.close();
  server.closeIdleConnections?.();
});
