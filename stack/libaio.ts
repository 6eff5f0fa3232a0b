import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { StackSettings } from './config';
import type { Distribution, FetchOptions } from './distribution';
import { StackError } from './errors';
import { findCommand } from './prerequisites';
import { runTool } from './tool';

const LIBRARY = 'libaio.so.1';
/**
 * Debian 12, Ubuntu 22.04 and older; then Debian 13, Ubuntu 24.04 and newer, whose file is libaio.so.1t64.
 */
const PACKAGES = ['libaio1', 'libaio1t64'];
const INSTALL = 'install the package libaio1 (libaio1t64 on Debian 13 and Ubuntu 24.04, libaio on Fedora)';

function find(folder: string, matches: (name: string) => boolean): string | undefined {
  const found = readdirSync(folder, { withFileTypes: true, recursive: true }).find((entry) =>
    matches(entry.name),
  );
  return found === undefined ? undefined : join(found.parentPath, found.name);
}

/**
 * Downloads the package without installing it; the package lists are fetched privately when the system has
 * none.
 */
async function download(settings: StackSettings, folder: string, options: FetchOptions): Promise<boolean> {
  const apt = findCommand(settings, 'apt-get');
  if (apt === undefined || findCommand(settings, 'dpkg') === undefined) return false;
  const run = (file: string, args: string[]) =>
    runTool(file, args, { cwd: folder, env: settings.environment, signal: options.signal });
  const lists = join(folder, 'lists');
  const ownLists = ['-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${join(folder, 'apt')}`];
  for (const listOptions of [[], ownLists]) {
    if (listOptions.length > 0) {
      mkdirSync(join(lists, 'partial'), { recursive: true });
      mkdirSync(join(folder, 'apt', 'archives', 'partial'), { recursive: true });
      options.say('reading the package lists …');
      await run(apt, [...listOptions, 'update']);
    }
    for (const name of PACKAGES) {
      const { exitCode } = await run(apt, [...listOptions, 'download', name]);
      const file = find(folder, (entry) => entry.startsWith(`${name}_`) && entry.endsWith('.deb'));
      if (exitCode !== 0 || file === undefined) continue;
      const unpacked = await run('dpkg', ['-x', file, join(folder, 'unpacked')]);
      if (unpacked.exitCode === 0) return true;
    }
  }
  return false;
}

/**
 * mysqld needs libaio.so.1, which a minimal Debian or Ubuntu lacks. The system's is used when there is one;
 * otherwise it is unpacked into the cache, which needs no administrator. Call under the cache's lock.
 *
 * @throws StackError naming the package to install
 */
export async function ensureLibaio(
  settings: StackSettings,
  distribution: Distribution,
  options: FetchOptions,
): Promise<void> {
  const { libraries } = distribution;
  if (existsSync(libraries)) return;
  const mysqld = join(distribution.mysql, 'bin', 'mysqld');
  const { output } = await runTool('ldd', [mysqld], {
    cwd: distribution.mysql,
    env: settings.environment,
    signal: options.signal,
  });
  const missing = [...output.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1] ?? '');
  const others = missing.filter((name) => name !== LIBRARY);
  if (others.length > 0) {
    throw new StackError(
      `mysqld needs ${others.join(', ')}: install the packages that hold these libraries.`,
    );
  }
  const part = `${libraries}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part);
  if (missing.includes(LIBRARY)) {
    options.say(`fetching ${LIBRARY} for MySQL …`);
    const work = join(part, 'work');
    mkdirSync(work);
    const done = await download(settings, work, options);
    const file = done
      ? find(join(work, 'unpacked'), (name) => /^libaio\.so\.1(t64)?\.\d/.test(name))
      : undefined;
    if (file === undefined) throw new StackError(`MySQL needs ${LIBRARY}: ${INSTALL}.`);
    const name = file.slice(file.lastIndexOf('/') + 1);
    renameSync(file, join(part, name));
    symlinkSync(name, join(part, LIBRARY));
    rmSync(work, { recursive: true });
  }
  renameSync(part, libraries);
}
