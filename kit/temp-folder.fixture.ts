import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Folders of a test file's own in the system's folder for temporary files, and none of them left there.

const folders: string[] = [];

/** A new, empty folder, its path absolute. `removeTempFolders` takes it away. */
export function tempFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  folders.push(folder);
  return folder;
}

/** For `afterEach` or `afterAll`, behind the closing of what writes there: removes every folder of this test file. */
export function removeTempFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
