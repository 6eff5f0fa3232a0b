import { sep } from 'node:path';
import { PORT_VARIABLE, SERVER_NAMES, type ServerName, type StackSettings } from './config';
import { connect } from './connect';
import { distributionAt, ensureDistribution } from './distribution';
import { StackError, StackInterrupted, throwIfInterrupted } from './errors';
import { StackFolder } from './folder';
import { kafka } from './kafka';
import { withFolderLock } from './lock';
import { mysql } from './mysql';
import { freePorts, isPortFree, portHolder } from './ports';
import { requireJava, requirePlatform } from './prerequisites';
import { isAlive, residentMiB } from './process';
import { registry } from './registry';
import type { HealthPlace, Place, Resource } from './resource';
import { RunningStack } from './running';
import { isUsable, ownProcesses, startServer, stopServer, type StackReport } from './server';

/** In the order of starting; stopped from the end. */
export const RESOURCES: readonly Resource[] = [mysql, kafka, registry, connect];

/** How long a running server may take to show that it is well before it is started anew. */
const KEEP_PATIENCE_MS = 5_000;

export interface StackOptions {
  /** Which servers; all by default. */
  servers?: readonly ServerName[];
  report?: StackReport;
  /** Aborting stops what this call has started; the call then rejects with StackInterrupted. */
  signal?: AbortSignal;
}

const selected = (options: StackOptions): Resource[] =>
  RESOURCES.filter(({ name }) => (options.servers ?? SERVER_NAMES).includes(name));

/** Ports of the settings; 0 becomes the port of the server that runs already, or a free one. */
async function resolvePorts(
  settings: StackSettings,
  folder: StackFolder,
): Promise<Record<ServerName, number>> {
  const free = await freePorts(SERVER_NAMES.length);
  const ports = { ...settings.ports };
  for (const name of SERVER_NAMES) {
    if (ports[name] !== 0) continue;
    const record = folder.record(name);
    const running = record !== undefined && isAlive(record) ? record.port : undefined;
    ports[name] = running ?? free.pop() ?? 0;
  }
  return ports;
}

/** @throws StackError naming the variable, and the program that has the port as far as that can be seen */
async function requirePorts(
  resources: readonly Resource[],
  ports: Record<ServerName, number>,
): Promise<void> {
  const sentences: string[] = [];
  for (const { name } of resources) {
    const port = ports[name];
    if (await isPortFree(port)) continue;
    const holder = portHolder(port);
    const who =
      holder === undefined ? 'another program' : `another program (${holder.name}, pid ${holder.pid})`;
    sentences.push(`port ${port} is in use by ${who}; stop it or set ${PORT_VARIABLE[name]}.`);
  }
  if (sentences.length > 0) throw new StackError(sentences.join('\n'));
}

/** Stops servers, those that others depend on last. */
async function stopAll(
  folder: StackFolder,
  resources: readonly Resource[],
  report: StackReport,
): Promise<void> {
  const waiting = new Map<ServerName, Promise<void>>();
  // From the end: what depends on a server stands behind it in the list.
  for (const resource of resources.toReversed()) {
    const dependents = resources
      .filter(({ dependsOn }) => dependsOn.includes(resource.name))
      .flatMap(({ name }) => waiting.get(name) ?? []);
    const stop = async (): Promise<void> => {
      await Promise.all(dependents);
      await stopServer(folder, resource, report);
    };
    waiting.set(resource.name, stop());
  }
  await Promise.all(waiting.values());
}

/**
 * Starts servers side by side, each after what it depends on. When one fails, all that were started are
 * stopped.
 */
async function startAll(resources: readonly Resource[], place: Place, report: StackReport): Promise<void> {
  const failure = new AbortController();
  const signals = [failure.signal, ...(place.signal === undefined ? [] : [place.signal])];
  const watched: Place = { ...place, signal: AbortSignal.any(signals) };
  const begun: Resource[] = [];
  const waiting = new Map<ServerName, Promise<void>>();
  let firstError: unknown;
  for (const resource of resources) {
    const needs = resource.dependsOn.flatMap((name) => waiting.get(name) ?? []);
    const start = async (): Promise<void> => {
      await Promise.all(needs);
      throwIfInterrupted(watched.signal);
      begun.push(resource);
      await startServer(resource, watched, report);
    };
    const started = start().catch((error: unknown) => {
      firstError ??= error;
      failure.abort();
      throw error;
    });
    waiting.set(resource.name, started);
  }
  await Promise.allSettled(waiting.values());
  if (firstError === undefined) return;
  const inOrder = resources.filter((resource) => begun.includes(resource));
  await stopAll(place.folder, inOrder, report);
  throw place.signal?.aborted === true ? new StackInterrupted() : firstError;
}

async function upUnderLock(
  settings: StackSettings,
  folder: StackFolder,
  options: StackOptions,
  report: StackReport,
): Promise<RunningStack> {
  const { signal } = options;
  const ports = await resolvePorts(settings, folder);
  const look: HealthPlace = { settings, ports, folder };
  const resources = selected(options);
  const usable = await Promise.all(resources.map((r) => isUsable(r, look, KEEP_PATIENCE_MS, signal)));
  const kept = resources.filter((_, index) => usable[index] === true);
  const missing = resources.filter((_, index) => usable[index] !== true);
  throwIfInterrupted(signal);
  // Needed even when all are kept: one of them may be started again later.
  const java = resources.length === 0 ? '' : await requireJava(settings, signal);
  // What is left of a server that is not well goes first: it may hold the very port that is checked next.
  await stopAll(folder, missing, report);
  await requirePorts(missing, ports);
  for (const { name, title } of kept) report({ server: name, title, phase: 'kept' });
  const place: Place = { settings, folder, ports, java, signal, distribution: distributionAt(settings) };
  if (missing.length > 0) {
    const say = (detail: string): void => report({ title: 'stack', phase: 'note', detail });
    await ensureDistribution(settings, { signal, say });
    await startAll(missing, place, report);
  }
  for (const resource of kept) await resource.settle?.(place);
  return new RunningStack({
    // From now on a server is started anew on its own account, not on that of the call that brought it up.
    place: { ...place, signal: undefined },
    resources,
    startedByUs: missing.map(({ name }) => name),
    stopAll: (which, say) => stopAll(folder, which, say),
  });
}

/**
 * Brings servers up and waits until they are healthy. Healthy ones of this stack are kept, dead or unwell
 * ones are started anew. Nothing is started when a port is taken or something is missing; when one server
 * fails or `signal` aborts, what this call started is stopped again.
 *
 * @throws StackError with what to do; StackInterrupted
 */
export async function stackUp(settings: StackSettings, options: StackOptions = {}): Promise<RunningStack> {
  if (selected(options).length > 0) requirePlatform();
  const report = options.report ?? (() => undefined);
  const folder = new StackFolder(settings.stackDir);
  folder.create();
  const onWait = (): void =>
    report({ title: 'stack', phase: 'note', detail: 'another command works on this stack, waiting …' });
  return withFolderLock(folder.path, () => upUnderLock(settings, folder, options, report), {
    signal: options.signal,
    onWait,
  });
}

/** Stops servers of this stack, whoever started them. Resolves when none is left. */
export async function stackDown(settings: StackSettings, options: StackOptions = {}): Promise<void> {
  const folder = new StackFolder(settings.stackDir);
  if (!folder.isOurs()) return;
  await withFolderLock(folder.path, () =>
    stopAll(folder, selected(options), options.report ?? (() => undefined)),
  );
}

/** Stops all servers and deletes their data, not the cache. @throws StackError when the folder is not ours */
export async function stackReset(settings: StackSettings, report?: StackReport): Promise<void> {
  const folder = new StackFolder(settings.stackDir);
  if (settings.projectDir === folder.path || settings.projectDir.startsWith(`${folder.path}${sep}`)) {
    throw new StackError(`${folder.path} holds the project itself; nothing was deleted.`);
  }
  await stackDown(settings, report === undefined ? {} : { report });
  folder.deleteAll();
}

export interface ServerStatus {
  name: ServerName;
  title: string;
  /** `foreign`: not ours, but something listens on the port. */
  state: 'healthy' | 'unhealthy' | 'stopped' | 'foreign';
  port: number;
  pid?: number;
  residentMiB?: number;
  startedAt?: string;
}

/** How each server of the stack is. */
export async function stackStatus(settings: StackSettings): Promise<ServerStatus[]> {
  const folder = new StackFolder(settings.stackDir);
  const ports = { ...settings.ports };
  for (const name of SERVER_NAMES) ports[name] = folder.record(name)?.port ?? ports[name];
  return Promise.all(
    RESOURCES.map(async (resource): Promise<ServerStatus> => {
      const { name, title } = resource;
      const base = { name, title, port: ports[name] };
      const [process] = ownProcesses(folder, name);
      if (process === undefined) {
        const taken = ports[name] !== 0 && !(await isPortFree(ports[name]));
        return { ...base, state: taken ? 'foreign' : 'stopped' };
      }
      const healthy = await resource.healthy({ settings, ports, folder });
      const memory = residentMiB(process.pid);
      const startedAt = folder.record(name)?.startedAt;
      return {
        ...base,
        state: healthy ? 'healthy' : 'unhealthy',
        pid: process.pid,
        ...(memory === undefined ? {} : { residentMiB: memory }),
        ...(startedAt === undefined ? {} : { startedAt }),
      };
    }),
  );
}
