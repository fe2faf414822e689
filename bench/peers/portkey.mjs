// Portkey's gateway with several workers, on loopback only: portkey.mjs PROGRAM PORT WORKERS
//
// The gateway itself is one process, and listens on every address. node:cluster shares one port among workers, and each
// worker is given the loopback address before the gateway's own program, unchanged, is loaded.
import cluster from "node:cluster";
import net from "node:net";

const [program, port, workers] = process.argv.slice(2);

if (cluster.isPrimary) {
  for (let n = 0; n < Number(workers); n += 1) cluster.fork();
  cluster.on("exit", () => process.exit(1)); // a measurement with a worker less is none
  process.on("SIGTERM", () => process.exit(0)); // the workers end with it
} else {
  const listen = net.Server.prototype.listen;
  net.Server.prototype.listen = function (asked, host, ...rest) {
    return listen.call(this, asked, "127.0.0.1", ...rest);
  };
  process.argv.splice(2, Infinity, `--port=${port}`, "--headless");
  await import(program);
}
