// Reads a unit of systemd: every value of a key, in order.
import { readFileSync } from "node:fs";

export function read_unit(file) {
  const values = new Map();
  let section = "";
  for (const line of readFileSync(file, "utf8").split("\n")) {
    if (line.startsWith("[")) section = line.slice(1, -1);
    const [, key, value] = line.match(/^([A-Za-z]+)=(.*)$/) ?? [];
    if (key) values.set(`${section}.${key}`, [...(values.get(`${section}.${key}`) ?? []), value]);
  }
  return {
    all: (key) => values.get(key) ?? [],
    one: (key) => {
      const found = values.get(key) ?? [];
      if (found.length !== 1) throw new Error(`${file}: ${key} stands there ${found.length} times`);
      return found[0];
    },
  };
}
