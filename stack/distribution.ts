import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import type { StackSettings } from './config';
import { StackError, StackInterrupted, diskFullSentence, messageOf } from './errors';
import { ensureLibaio } from './libaio';
import { withFolderLock } from './lock';
import { requireMaven } from './prerequisites';
import { runTool, type ToolResult } from './tool';

const MANIFEST = 'manifest.json';
const HASH_DIGITS = 12;
const SAY_EVERY_MS = 5_000;

/** Where the unpacked servers lie. */
export interface Distribution {
  folder: string;
  /** Class path of Kafka and Kafka Connect. */
  kafkaClassPath: string;
  mysql: string;
  registryJar: string;
  /** Connect's plugin.path. */
  plugins: string;
  /** Shared libraries for mysqld beside the system's. */
  libraries: string;
}

export interface FetchOptions {
  signal?: AbortSignal | undefined;
  say: (text: string) => void;
}

const pomPath = (settings: StackSettings): string => join(settings.projectDir, 'stack', 'pom.xml');

/** Name of the cache folder: the first digits of the hash of `pom.xml`. */
export function distributionKey(settings: StackSettings): string {
  return createHash('sha256')
    .update(readFileSync(pomPath(settings)))
    .digest('hex')
    .slice(0, HASH_DIGITS);
}

/** @returns the servers' places in the cache, whether or not they are there */
export function distributionAt(settings: StackSettings): Distribution {
  const folder = join(settings.cacheDir, distributionKey(settings));
  return {
    folder,
    kafkaClassPath: join(folder, 'kafka', '*'),
    mysql: join(folder, 'mysql'),
    registryJar: join(folder, 'registry', 'registry.jar'),
    plugins: join(folder, 'plugins'),
    libraries: join(folder, 'lib'),
  };
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

const manifestSchema = z.record(z.string(), z.number());

/** Whether every file that was unpacked is there in its size. */
export function isWhole(folder: string): boolean {
  if (!existsSync(join(folder, MANIFEST))) return false;
  try {
    const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8')));
    return Object.entries(manifest).every(([path, size]) => statSync(join(folder, path)).size === size);
  } catch {
    // A file is absent, or the manifest is not JSON: not whole.
    return false;
  }
}

const NO_NETWORK = new RegExp(
  'UnknownHost|Name or service not known|Temporary failure|Network is unreachable|offline mode|' +
    'Connect(ion)? (refused|timed out)|Could not transfer',
  'i',
);

/** The sentence for a failed Maven run. */
export function explainMaven(output: string, logPath: string): string {
  if (/no space left on device/i.test(output)) {
    return 'the disk is full: free about 1 GB for the servers (and for ~/.m2), then run it again.';
  }
  if (/Checksum validation failed/i.test(output)) {
    return 'a downloaded server does not have its published checksum; try again, or on another network.';
  }
  if (NO_NETWORK.test(output)) {
    return (
      'Maven could not download the servers: connect to the internet, or name your proxy or mirror ' +
      `in ~/.m2/settings.xml, then run it again (details in ${logPath}).`
    );
  }
  return `Maven failed to fetch the servers; see ${logPath}.`;
}

const seconds = (sinceMs: number): string => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;

/** Tells how much has arrived, every few seconds, from Maven's "Downloaded from …: … (31 MB at 9 MB/s)". */
function downloadCounter(say: (text: string) => void): (line: string) => void {
  const UNIT: Record<string, number> = { B: 1e-6, kB: 1e-3, MB: 1 };
  const startedMs = Date.now();
  let saidMs = startedMs;
  let megabytes = 0;
  let files = 0;
  return (line) => {
    const match = /^(?:\[INFO\] )?Downloaded from .*\(([\d.]+) (B|kB|MB) at/.exec(line);
    if (match === null) return;
    files++;
    megabytes += Number(match[1]) * (UNIT[match[2] ?? ''] ?? 0);
    if (Date.now() - saidMs < SAY_EVERY_MS) return;
    saidMs = Date.now();
    say(`downloaded ${files} files, ${megabytes.toFixed(0)} MB (${seconds(startedMs)})`);
  };
}

async function fetchWithMaven(settings: StackSettings, target: string, options: FetchOptions): Promise<void> {
  const maven = await requireMaven(settings, options.signal);
  const logPath = join(settings.cacheDir, 'maven.log');
  rmSync(logPath, { force: true });
  options.say('fetching the servers with Maven (about 250 MB the first time) …');
  const startedMs = Date.now();
  // -C: a file whose checksum is wrong is an error, not a warning.
  const args = ['-B', '-C', '-f', pomPath(settings), 'package', `-Dstack.target=${target}`];
  const result = await runTool(maven, args, {
    cwd: target,
    env: settings.environment,
    signal: options.signal,
    logPath,
    onLine: downloadCounter(options.say),
  });
  if (result.exitCode !== 0) throw new StackError(explainMaven(result.output, logPath));
  options.say(`fetched the servers (${seconds(startedMs)})`);
}

async function unpack(settings: StackSettings, target: string, options: FetchOptions): Promise<void> {
  const startedMs = Date.now();
  const archives = join(target, 'archives');
  const untar = async (archive: string, folder: string): Promise<void> => {
    mkdirSync(join(target, folder), { recursive: true });
    const args = ['-xzf', join(archives, archive), '-C', join(target, folder), '--no-same-owner'];
    const result: ToolResult = await runTool('tar', args, {
      cwd: target,
      env: settings.environment,
      signal: options.signal,
    });
    if (result.exitCode !== 0) throw new Error(`unpacking ${archive} failed: ${result.output.trim()}`);
  };
  await untar('mysql-Linux-amd64.tar.gz', 'mysql');
  await untar('debezium.tar.gz', 'plugins');
  await untar('registry.tar.gz', 'registry');
  const registry = join(target, 'registry');
  const jar = readdirSync(registry).find((name) => name.endsWith('-runner.jar'));
  if (jar === undefined) throw new Error('the registry archive holds no …-runner.jar');
  renameSync(join(registry, jar), join(registry, 'registry.jar'));
  rmSync(archives, { recursive: true });
  rmSync(join(target, 'markers'), { recursive: true, force: true });
  options.say(`unpacked the servers (${seconds(startedMs)})`);
}

/**
 * Builds the whole folder beside its final place and moves it there at the end: half of it is never taken for
 * whole.
 */
async function build(settings: StackSettings, folder: string, options: FetchOptions): Promise<void> {
  // Under the lock: whatever carries such a name was left behind by a process that has ended.
  for (const name of readdirSync(settings.cacheDir)) {
    if (name.includes('.part')) rmSync(join(settings.cacheDir, name), { recursive: true, force: true });
  }
  rmSync(folder, { recursive: true, force: true });
  const part = `${folder}.part`;
  mkdirSync(part);
  try {
    await fetchWithMaven(settings, part, options);
    await unpack(settings, part, options);
    const sizes = filesOf(part).map((path): [string, number] => [relative(part, path), statSync(path).size]);
    writeFileSync(join(part, MANIFEST), JSON.stringify(Object.fromEntries(sizes)));
    renameSync(part, folder);
  } catch (error) {
    rmSync(part, { recursive: true, force: true });
    if (error instanceof StackError || error instanceof StackInterrupted) throw error;
    throw new StackError(
      diskFullSentence(error, settings.cacheDir) ??
        `the servers could not be unpacked into ${settings.cacheDir}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/**
 * Makes sure that the servers lie unpacked in the cache, fetching them through Maven when they do not. Any
 * number of processes may call it at once; one fetches, the others wait.
 *
 * @throws StackError with what to do: no Maven, no network, disk full
 */
export async function ensureDistribution(
  settings: StackSettings,
  options: FetchOptions,
): Promise<Distribution> {
  const distribution = distributionAt(settings);
  if (!isWhole(distribution.folder)) {
    try {
      mkdirSync(settings.cacheDir, { recursive: true });
    } catch (error) {
      throw new StackError(
        diskFullSentence(error, dirname(settings.cacheDir)) ??
          `cannot write to ${settings.cacheDir} (${messageOf(error)}); set STACK_CACHE_DIR.`,
        { cause: error },
      );
    }
  }
  if (!isWhole(distribution.folder) || !existsSync(distribution.libraries)) {
    await withFolderLock(
      settings.cacheDir,
      async () => {
        if (!isWhole(distribution.folder)) await build(settings, distribution.folder, options);
        await ensureLibaio(settings, distribution, options);
      },
      {
        signal: options.signal,
        onWait: () => options.say('another process is fetching the servers, waiting …'),
      },
    );
  }
  return distribution;
}
