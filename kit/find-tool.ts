import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { searchPath } from './testing.config';

/** A program that some tests or commands need and that a machine may lack. */
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
