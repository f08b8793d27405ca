// Holds events against the types of the official openai package, with the TypeScript compiler: each event becomes an object
// literal, so that missing, wrong and unknown fields are all errors.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
// Never written: the compiler is told of it. It seems to lie here because the packages are found from here.
const file = join(here, 'events.generated.ts');
const types = { client: 'RealtimeClientEvent', server: 'RealtimeServerEvent' };

// One of each kind: a call has hundreds of events that differ in audio, ids and words alone.
export function distinct(events) {
  const kinds = new Map();
  for (const event of events) {
    const kind = JSON.stringify(event, (key, value) => {
      if (typeof value === 'number') return Math.sign(value);
      const isName = typeof value === 'string' && /^[a-z][\w./]*$/.test(value) && !/_\w*\d/.test(value);
      return typeof value === 'string' && !(isName && key !== 'delta') ? 'text' : value;
    });
    if (!kinds.has(kind)) kinds.set(kind, event);
  }
  return [...kinds.values()];
}

// entries: [{side: 'client' | 'server', event}]. Returns [{event, message}] of those that do not fit.
export function mismatches(entries) {
  // One line each, so that a diagnostic's line says which event it is about.
  const shortened = (key, value) => (['audio', 'delta'].includes(key) && typeof value === 'string' ? value.slice(0, 40) : value);
  const text = ["import type { RealtimeClientEvent, RealtimeServerEvent } from 'openai/resources/realtime/realtime';",
    ...entries.map(({ side, event }, i) => `export const event${i}: ${types[side]} = ${JSON.stringify(event, shortened)};`)].join('\n');
  const options = {
    // Without the browser's library: the package's HTTP client needs it, its event types do not.
    strict: true, noEmit: true, skipLibCheck: true, types: [], lib: ['lib.es2022.d.ts'], target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => path === file || fileExists(path);
  host.readFile = (path) => (path === file ? text : readFile(path));
  host.getSourceFile = (path, ...rest) => (path === file ? ts.createSourceFile(path, text, options.target, true) : getSourceFile(path, ...rest));
  const program = ts.createProgram([file], options, host);
  const source = program.getSourceFile(file);
  const found = [...program.getOptionsDiagnostics(), ...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  return found.map((diagnostic) => {
    const line = diagnostic.file ? source.getLineAndCharacterOfPosition(diagnostic.start).line : 0;
    const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n');
    return { event: entries[line - 1]?.event, message };
  });
}
