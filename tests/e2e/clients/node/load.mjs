// node load.mjs URL ROOT: loads URL from 127.0.0.1, trusting ROOT alone.
import { readFileSync } from "node:fs";
import { get } from "node:https";

const [url, root] = process.argv.slice(2);
const options = {
  ca: readFileSync(root),
  agent: false,
  lookup: (_name, { all }, done) =>
    all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4),
};

get(url, options, (answer) => answer.pipe(process.stdout)).on("error", (error) => {
  console.error(error.code, error.message);
  process.exitCode = 1;
});
