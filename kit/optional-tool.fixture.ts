import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { requiresTools, searchPath } from './testing.config';

/** A program that some tests need and that a machine may lack. */
export interface OptionalTool {
  /** Where it is; `undefined` when it is absent. */
  path: string | undefined;
  /** What to do about that: "install Chromium (apt-get install chromium)". */
  install: string;
}

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** @param names of the program, in the order of preference; a name with a slash is a path */
export function findTool(names: readonly string[], install: string): OptionalTool {
  const candidates = names.flatMap((name) =>
    name.includes('/')
      ? [name]
      : searchPath()
          .split(delimiter)
          .map((folder) => join(folder, name)),
  );
  return { path: candidates.find(isExecutable), install };
}

/**
 * `describe` for what needs an optional program. Where it is absent the suite is skipped and its one line says what to
 * install; with REQUIRE_TOOLS=1, as in CI, that line fails.
 */
export function describeWith(tool: OptionalTool, title: string, body: (path: string) => void): void {
  const { path, install } = tool;
  if (path !== undefined) {
    describe(title, () => body(path));
  } else if (requiresTools()) {
    test(`${title}: ${install}`, () => {
      throw new Error(`${install}: it is required here`);
    });
  } else {
    process.stderr.write(`${title} — skipped: ${install}\n`);
    test.skip(`${title} — skipped: ${install}`, () => {});
  }
}
