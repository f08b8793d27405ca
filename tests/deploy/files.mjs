// Where the files of examples/deploy are, and what of the schema they must agree with.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { tree } from "../clients/parley.mjs";

// Of the client tests' packages: there is one list of them.
export const yaml = createRequire(new URL("../clients/package.json", import.meta.url))("yaml");
export const folder = join(tree, "examples/deploy");
export const text_of = (name) => readFileSync(join(folder, name), "utf8");
export const yaml_of = (name) => yaml.parse(text_of(name), { uniqueKeys: true, strict: true });

const schema = JSON.parse(readFileSync(join(tree, "schemas/parley.schema.json"), "utf8"));

function names_below(node) {
  if (node === null || typeof node !== "object") return [];
  return [node["x-env"], node["x-env-alias"], ...Object.values(node).flatMap(names_below)].filter((name) => typeof name === "string");
}
// Every name that the environment may have for Parley.
export const environment_names = new Set(names_below(schema));
export const drain_limit_s = schema.properties.server.properties.drain_limit_seconds.default;
// runtime/app/src/stop_signal.cpp
export const goodbyes_s = Number(readFileSync(join(tree, "runtime/app/src/stop_signal.cpp"), "utf8").match(/wrap_up_reserve\{(\d+)\}/)[1]);

// NAME=value lines, as docker, systemd and kubectl read them alike.
export function variables_in(text) {
  return Object.fromEntries(text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) => {
    const [, name, value] = line.match(/^([A-Z_][A-Z0-9_]*)=([^\s"']*)$/) ?? [];
    if (name === undefined) throw new Error(`not NAME=value: ${line}`);
    return [name, value];
  }));
}
