import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { sleep } from '#kit/clock';
import { codeOf } from './errors';

const POLL_MS = 50;

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  pid: number;
  /** Start time in clock ticks since boot, and the boot: together with the pid, unique. */
  startTicks: string;
  bootId: string;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has ended, or belongs to somebody else.
    return undefined;
  }
}

/**
 * State letter and start time from the text of /proc/PID/stat. The command's name may hold blanks and
 * parentheses.
 */
export function parseProcStat(text: string): { state: string; parent: number; startTicks: string } {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', parent: Number(fields[1]), startTicks: fields[19] ?? '' };
}

/** Identity of a running process; undefined when there is none (a zombie has ended). */
export function identify(pid: number): ProcessIdentity | undefined {
  const text = readText(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const { state, startTicks } = parseProcStat(text);
  if (state === 'Z' || state === 'X') return undefined;
  return { pid, startTicks, bootId: readText('/proc/sys/kernel/random/boot_id')?.trim() ?? '' };
}

export function isAlive(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid);
  return now?.startTicks === identity.startTicks && now.bootId === identity.bootId;
}

/** Resident memory in MiB; undefined when the process has ended. */
export function residentMiB(pid: number): number | undefined {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/status`) ?? '')?.[1];
  return kib === undefined ? undefined : Math.round(Number(kib) / 1024);
}

/** Processes whose environment holds exactly `NAME=value`: found even when no record of them was written. */
export function findByEnvironment(name: string, value: string): ProcessIdentity[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((entry) => readText(`/proc/${entry}/environ`)?.split('\0').includes(`${name}=${value}`) === true)
    .flatMap((entry) => identify(Number(entry)) ?? []);
}

export interface ServerCommand {
  file: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
}

/**
 * Starts a program in a session of its own, so that Ctrl-C in the terminal does not reach it and it outlives
 * this process; its output is appended to `logPath`.
 *
 * @throws when the program cannot be started
 */
export async function spawnDetached(command: ServerCommand, logPath: string): Promise<ProcessIdentity> {
  const log = openSync(logPath, 'a');
  try {
    const child = spawn(command.file, command.args, {
      cwd: command.cwd,
      env: command.env,
      detached: true,
      stdio: ['ignore', log, log],
    });
    if (child.pid === undefined) {
      throw await new Promise<Error>((resolve) => child.once('error', resolve));
    }
    child.unref();
    const identity = identify(child.pid);
    // It may have ended already; its number stays reserved as long as this process has not collected it.
    return identity ?? { pid: child.pid, startTicks: 'ended', bootId: '' };
  } finally {
    closeSync(log);
  }
}

/**
 * Signals the process and what it started; does nothing when it has ended or its number belongs to another.
 */
export function signalGroup(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(-identity.pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

/** Resolves true when the process has ended, false when it still runs after `limitMs` or `signal` aborted. */
export async function waitForEnd(
  identity: ProcessIdentity,
  limitMs = Number.POSITIVE_INFINITY,
  signal?: AbortSignal,
  pollMs = POLL_MS,
): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (isAlive(identity)) {
    if (Date.now() >= deadline || signal?.aborted === true) return false;
    await sleep(pollMs, signal);
  }
  return true;
}

/** Asks the process to end, and ends it after `limitMs`. Resolves when it is gone. */
export async function stopProcess(identity: ProcessIdentity, limitMs: number): Promise<'asked' | 'forced'> {
  signalGroup(identity, 'SIGTERM');
  if (await waitForEnd(identity, limitMs)) return 'asked';
  signalGroup(identity, 'SIGKILL');
  await waitForEnd(identity);
  return 'forced';
}
