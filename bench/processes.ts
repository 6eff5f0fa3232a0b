import { readdirSync, readFileSync } from 'node:fs';
import { CommandError } from '#ops/command';

/** Clock ticks per second of /proc/PID/stat on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const KIB_PER_MIB = 1_024;

/** Which process a command line belongs to, the first that matches. */
const ROLES = [
  ['mysqld', /(^|\/)mysqld\0/],
  ['connect', /ConnectDistributed/],
  ['kafka', /\0kafka\.Kafka\0/],
  ['registry', /-Dapicurio\.|apicurio-registry/],
  ['api', /payment-api\/server\.main\.js/],
  ['worker', /payment-api\/worker\.main\.js/],
  ['wallet', /wallet-consumer\/wallet\.main\.js/],
  ['simulator', /psp-simulator\/simulator\.main\.js/],
  ['launcher', /launch\/run\.mjs/],
] as const;

export type Role = (typeof ROLES)[number][0] | 'other';
export const ROLE_NAMES: readonly Role[] = [...ROLES.map(([role]) => role), 'other'];

export interface ProcessUse {
  pid: number;
  role: Role;
  /** User and system time since the process began, ms. */
  cpuMs: number;
  residentMiB: number;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has ended, or belongs to another user.
    return '';
  }
}

/** Role of a command line as /proc/PID/cmdline has it, its arguments separated by NUL. */
export const roleOf = (commandLine: string): Role =>
  ROLES.find(([, pattern]) => pattern.test(commandLine))?.[0] ?? 'other';

/** CPU time in ms from the text of /proc/PID/stat. The command's name may hold blanks and parentheses. */
export function cpuMsOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
}

/**
 * Every process of the system with this STACK_DIR: our own have the variable, the servers a mark or an argument that
 * begins with the folder's path.
 */
export function processesOf(stackDir: string): ProcessUse[] {
  const marks = [`STACK_DIR=${stackDir}\0`, `=${stackDir}#`, `${stackDir}/`];
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((entry) => {
      const commandLine = readText(`/proc/${entry}/cmdline`);
      if (commandLine === '') return [];
      const text = `${commandLine}\0${readText(`/proc/${entry}/environ`)}`;
      const stat = readText(`/proc/${entry}/stat`);
      if (stat === '' || !marks.some((mark) => text.includes(mark))) return [];
      const kib = Number(/^VmRSS:\s+(\d+)/m.exec(readText(`/proc/${entry}/status`))?.[1] ?? 0);
      return [
        {
          pid: Number(entry),
          role: roleOf(commandLine),
          cpuMs: cpuMsOf(stat),
          residentMiB: kib / KIB_PER_MIB,
        },
      ];
    });
}

export type PerRole = Partial<Record<Role, number>>;

/** CPU that each role used between two looks, ms. @throws CommandError when a process began or ended between them */
export function cpuBetween(before: readonly ProcessUse[], after: readonly ProcessUse[]): PerRole {
  const used: PerRole = {};
  for (const { pid, role, cpuMs } of after) {
    const earlier = before.find((process) => process.pid === pid);
    if (earlier === undefined) throw new CommandError(`a process (${role}) began while it was measured`);
    used[role] = (used[role] ?? 0) + cpuMs - earlier.cpuMs;
  }
  const gone = before.find(({ pid }) => !after.some((process) => process.pid === pid));
  if (gone !== undefined) throw new CommandError(`a process (${gone.role}) ended while it was measured`);
  return used;
}

/** Resident memory of each role, MiB. */
export function memoryOf(processes: readonly ProcessUse[]): PerRole {
  const memory: PerRole = {};
  for (const { role, residentMiB } of processes) memory[role] = (memory[role] ?? 0) + residentMiB;
  return memory;
}

/** All roles together. */
export const sumOf = (perRole: PerRole): number =>
  Object.values(perRole).reduce((sum, value) => sum + value, 0);
