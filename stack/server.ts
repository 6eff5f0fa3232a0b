import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '#kit/clock';
import type { ServerName, StackSettings } from './config';
import { distributionKey } from './distribution';
import { StackError, StackInterrupted, diskFullSentence, messageOf } from './errors';
import type { StackFolder } from './folder';
import { findByEnvironment, isAlive, spawnDetached, stopProcess, type ProcessIdentity } from './process';
import type { HealthPlace, Place, Resource } from './resource';

const HEALTH_POLL_MS = 100;
const LOG_TAIL_LINES = 12;
/** Stands in the environment of every server: it is recognised as ours even when its record was lost. */
const MARK = 'PAYMENT_EDA_STACK';

/** What happens to a server, for the screen. `seconds` is how long it took. */
export interface StackEvent {
  /** Absent for what concerns the whole stack. */
  server?: ServerName;
  title: string;
  phase: 'note' | 'kept' | 'starting' | 'healthy' | 'stopping' | 'stopped' | 'died' | 'restarting';
  seconds?: number;
  detail?: string;
}

export type StackReport = (event: StackEvent) => void;

const markOf = (folder: StackFolder, name: ServerName): string => `${folder.path}#${name}`;

/** Hash of everything that would make a running server another one. */
export function fingerprint(resource: Resource, settings: StackSettings, port: number): string {
  const shared = resource.configFiles.map((path) => readFileSync(join(settings.projectDir, path), 'utf8'));
  const parts = [distributionKey(settings), port, resource.identity?.(settings), shared];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** The running process of a server: the recorded one first, then any that carries our mark. */
export function ownProcesses(folder: StackFolder, name: ServerName): ProcessIdentity[] {
  const record = folder.record(name);
  const recorded: ProcessIdentity[] = record !== undefined && isAlive(record) ? [record] : [];
  const marked = findByEnvironment(MARK, markOf(folder, name)).filter(({ pid }) => pid !== recorded[0]?.pid);
  return [...recorded, ...marked];
}

const secondsSince = (startedMs: number): number => (Date.now() - startedMs) / 1000;

/** Ends every process of a server, politely first. Resolves when none is left. */
export async function stopServer(
  folder: StackFolder,
  resource: Resource,
  report: StackReport,
): Promise<void> {
  const { name, title } = resource;
  const processes = ownProcesses(folder, name);
  const record = folder.record(name);
  if (processes.length > 0) {
    const startedMs = Date.now();
    report({ server: name, title, phase: 'stopping' });
    // Whoever watches it is told that this end is wanted.
    if (record !== undefined) {
      folder.writeRecord({ ...record, stopping: true });
      await resource.beforeStop?.(record.port).catch(() => undefined);
    }
    const ends = await Promise.all(processes.map((identity) => stopProcess(identity, resource.stopLimitMs)));
    const detail = ends.includes('forced') ? `killed after ${resource.stopLimitMs / 1000} s` : undefined;
    report({
      server: name,
      title,
      phase: 'stopped',
      seconds: secondsSince(startedMs),
      ...(detail === undefined ? {} : { detail }),
    });
  }
  folder.removeRecord(name);
}

async function waitUntilHealthy(resource: Resource, place: Place, identity: ProcessIdentity): Promise<void> {
  const { title, name, startLimitMs } = resource;
  const logPath = place.folder.log(name);
  const tail = (): string => place.folder.logTail(name, LOG_TAIL_LINES);
  const deadline = Date.now() + startLimitMs;
  while (!(await resource.healthy(place))) {
    if (place.signal?.aborted === true) throw new StackInterrupted();
    if (!isAlive(identity)) {
      const full = diskFullSentence(tail(), place.folder.path);
      throw new StackError(full ?? `${title} ended while it started (${logPath}):\n${tail()}`);
    }
    if (Date.now() > deadline) {
      throw new StackError(
        `${title} was not healthy within ${startLimitMs / 1000} s (${logPath}):\n${tail()}`,
      );
    }
    await sleep(HEALTH_POLL_MS, place.signal);
  }
}

/**
 * Starts a server and waits until it is healthy. When that fails, or is interrupted, nothing of it is left
 * running.
 *
 * @throws StackError, StackInterrupted
 */
export async function startServer(
  resource: Resource,
  place: Place,
  report: StackReport,
): Promise<ProcessIdentity> {
  const { name, title } = resource;
  const startedMs = Date.now();
  report({ server: name, title, phase: 'starting' });
  try {
    place.folder.rotateLog(name);
    await resource.prepare(place);
    const command = resource.command(place);
    if (place.signal?.aborted === true) throw new StackInterrupted();
    const env = { ...command.env, [MARK]: markOf(place.folder, name) };
    const identity = await spawnDetached({ ...command, env }, place.folder.log(name));
    place.folder.writeRecord({
      ...identity,
      name,
      port: place.ports[name],
      fingerprint: fingerprint(resource, place.settings, place.ports[name]),
      startedAt: new Date(startedMs).toISOString(),
      stopping: false,
    });
    await waitUntilHealthy(resource, place, identity);
    await resource.settle?.(place);
    report({ server: name, title, phase: 'healthy', seconds: secondsSince(startedMs) });
    return identity;
  } catch (error) {
    await stopServer(place.folder, resource, report);
    if (error instanceof StackError || error instanceof StackInterrupted) throw error;
    const sentence = diskFullSentence(error, place.folder.path);
    throw new StackError(sentence ?? `${title} could not be started: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Whether the server of the record runs, is the one the settings ask for, and answers within `patienceMs`.
 */
export async function isUsable(
  resource: Resource,
  place: HealthPlace,
  patienceMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const record = place.folder.record(resource.name);
  if (record === undefined || record.stopping || !isAlive(record)) return false;
  const { port } = record;
  if (record.fingerprint !== fingerprint(resource, place.settings, port)) return false;
  if (place.ports[resource.name] !== port) return false;
  const deadline = Date.now() + patienceMs;
  while (!(await resource.healthy(place))) {
    if (Date.now() > deadline || !isAlive(record) || signal?.aborted === true) return false;
    await sleep(HEALTH_POLL_MS, signal);
  }
  return true;
}
