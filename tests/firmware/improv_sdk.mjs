// SPDX-License-Identifier: EUPL-1.2
// The browsers' Improv SDK on a serial port, under node. Arguments: the SDK's folder, the port, and what to do, as JSON
// list of steps [method, ...arguments]. Prints for each step a line of JSON: {ok, state, ...} or {error, state}.
import fs from "node:fs";
import { register } from "node:module";
import tty from "node:tty";

// The SDK is written for bundlers: its imports lack the ending.
register(
  "data:text/javascript," +
    encodeURIComponent(`export const resolve = (name, context, next) =>
      next(name.startsWith(".") && !name.endsWith(".js") ? name + ".js" : name, context);
    export const load = (url, context, next) => next(url, url.startsWith("file:") && url.includes("/dist/")
      ? { ...context, format: "module" } : context);`),
);

const [folder, path, steps] = process.argv.slice(2);
const { ImprovSerial } = await import(`file://${folder}/dist/serial.js`);

const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NOCTTY | fs.constants.O_NONBLOCK);
const input = new tty.ReadStream(fd);
input.setRawMode(true);
const port = {
  readable: new ReadableStream({ start: (out) => input.on("data", (data) => out.enqueue(new Uint8Array(data))) }),
  writable: new WritableStream({ write: (data) => void fs.writeSync(fd, data) }),
};
const improv = new ImprovSerial(port, { log() {}, debug() {}, error: console.error });
for (const [method, ...words] of JSON.parse(steps)) {
  let told;
  try {
    told = { ok: (await improv[method](...words)) ?? null };
  } catch (error) {
    told = { error: String(error.message ?? error) };
  }
  console.log(JSON.stringify({ ...told, state: improv.state, deviceError: improv.error }));
}
process.exit(0);
