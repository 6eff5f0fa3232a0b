import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

function isProject(folder: string): boolean {
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest) || !existsSync(join(folder, 'launch', 'run.mjs'))) return false;
  const parsed: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'name' in parsed && parsed.name === 'payment-eda';
}

/** The project's folder, whether this file runs from source or from `dist/`. */
export function projectFolder(from: string = __dirname): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (isProject(folder)) return folder;
    if (dirname(folder) === folder) throw new Error(`no payment-eda project at or above ${from}`);
  }
}
