import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { projectFolder } from '#stack/project';

/** Runs a development tool of node_modules over the project and ends with its exit status. */
export function runTool(script: string, args: readonly string[]): never {
  const root = projectFolder();
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', script), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  process.exit(status ?? 1);
}
