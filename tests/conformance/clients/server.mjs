// http and http2 of Node as a server of the matrix: node server.mjs PORT h1|h2
import http from "node:http";
import http2 from "node:http2";

const [port, version] = process.argv.slice(2);
const PAGE = Buffer.alloc(1024);

function serve(request, answer) {
  if (request.url !== "/echo") return answer.end(PAGE);
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => answer.end(Buffer.concat(pieces)));
}

(version === "h2" ? http2 : http).createServer(serve).listen(Number(port), "127.0.0.1");
