// Reads a Dockerfile: its stages, and the instructions of each. Only what ours uses, and an error for anything else.
import { readFileSync } from "node:fs";

const known = ["FROM", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"];

// [{from, name, steps: [{instruction, text, words}]}]; `words` of the forms that are lists or sources and a target.
export function stages_of(text) {
  const stages = [];
  const lines = text.replace(/^\s*#.*\n/gm, "").replace(/\\\n/g, " ").split("\n");
  for (const line of lines.filter((each) => each.trim() !== "")) {
    const [, instruction, rest] = line.match(/^([A-Z]+)\s+(.*)$/) ?? [];
    if (!known.includes(instruction)) throw new Error(`not understood: ${line}`);
    const words = rest.startsWith("[") ? JSON.parse(rest) : rest.split(/\s+/);
    if (instruction === "FROM") {
      if (words.length !== 1 && words[1] !== "AS") throw new Error(`not understood: ${line}`);
      stages.push({ from: words[0], name: words[2], steps: [] });
    } else {
      stages.at(-1).steps.push({ instruction, text: rest, words });
    }
  }
  return stages;
}

// A COPY: the stage it takes from (nothing: the tree), what, and where to.
export function copy_of({ words }) {
  const flag = words.find((word) => word.startsWith("--"));
  const paths = words.filter((word) => word !== flag);
  if (flag !== undefined && !flag.startsWith("--from=")) throw new Error(`not understood: ${flag}`);
  return { stage: flag?.slice("--from=".length), sources: paths.slice(0, -1), target: paths.at(-1) };
}

export const read_dockerfile = (file) => stages_of(readFileSync(file, "utf8"));
