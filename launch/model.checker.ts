import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectFolder } from '#stack/project';
import type { ModelCheck } from './model.checks';

/** A program of the checker is absent. */
export class ToolMissingError extends Error {
  override readonly name = 'ToolMissingError';
}

export interface ModelVerdict {
  check: ModelCheck;
  /** Did come out what must come out? */
  isAsExpected: boolean;
  /** `unfinished`: out of time, memory or depth; nothing is proved then. */
  outcome: 'holds' | 'broken' | 'unfinished';
  /** The property that is broken. */
  broken: string | null;
  /** The steps that lead to it, each as "process step"; empty when all holds. */
  trail: readonly string[];
  states: number;
  /** Longest way from the beginning, in steps of the model. */
  depth: number;
  seconds: number;
}

const DEPTH_MAX = 2_000_000;
/** What is wrong shows early, and a short way to it is easier to read. */
const MUTANT_DEPTH_MAX = 600;
const MEMORY_MAX_MB = 4_000;
const CHECK_MAX_MS = 10 * 60_000;
/** Room for processes under weak fairness. */
const FAIRNESS_SLOTS = 3;
const INSTALL = 'install spin and gcc (apt-get install spin gcc)';

const pathOfModels = (): string => join(projectFolder(), 'docs', 'model');

interface Ended {
  exitCode: number | null;
  output: string;
}

function run(folder: string, command: string, args: readonly string[], signal?: AbortSignal): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: CHECK_MAX_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? new ToolMissingError(`${command} is not here: ${INSTALL}`) : error),
    );
    child.on('close', (exitCode) => resolve({ exitCode, output }));
  });
}

async function mustRun(folder: string, command: string, args: readonly string[], signal?: AbortSignal) {
  const { exitCode, output } = await run(folder, command, args, signal);
  if (exitCode !== 0) throw new Error(`${command} ${args.join(' ')}: ${output.slice(-2_000)}`);
}

/** @throws ToolMissingError with what to install */
export async function requireChecker(): Promise<void> {
  for (const [command, version] of [
    ['spin', '-V'],
    ['gcc', '--version'],
  ] as const)
    await run(tmpdir(), command, [version]);
}

const numberIn = (output: string, pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? 0);

/** What the checker's own words mean. Pure. */
export function readSearch(output: string): Pick<ModelVerdict, 'outcome' | 'states' | 'depth'> {
  const states = numberIn(output, /^\s*(\d+(?:\.\d+)?(?:e\+\d+)?) states, stored/m);
  const depth = numberIn(output, /depth reached (\d+)/);
  const errors = /errors: (\d+)/.exec(output)?.[1];
  const isCut =
    /max search depth too small|out of memory|Search not completed|hash-table full|bit state/i.test(output);
  if (errors !== undefined && errors !== '0' && /pan:\d+: (assertion|invalid|acceptance)/.test(output))
    return { outcome: 'broken', states, depth };
  return { outcome: errors === '0' && !isCut && states > 0 ? 'holds' : 'unfinished', states, depth };
}

/** The way to a violation, from a replay that prints the steps. Pure. */
export function readTrail(output: string, replay: string): { broken: string; trail: string[] } {
  const lines = replay.split('\n').map((line) => line.trim());
  const broken = lines.map((line) => /^BROKEN (\S+)$/.exec(line)?.[1]).find((name) => name !== undefined);
  const trail = lines.filter((line) => /^\d+ [a-zA-Z][\w ]*$/.test(line));
  if (broken !== undefined) return { broken, trail };
  if (/acceptance cycle/.test(output)) return { broken: 'ends-at-last', trail };
  return { broken: /invalid end state/.test(output) ? 'no-deadlock' : 'the-model-itself', trail };
}

const isExpected = (check: ModelCheck, outcome: ModelVerdict['outcome'], broken: string | null): boolean =>
  check.expected === 'holds' ? outcome === 'holds' : outcome === 'broken' && broken === check.expected.broken;

/**
 * Checks a model exhaustively, in a folder of its own that is gone afterwards.
 *
 * @throws ToolMissingError
 */
export async function checkModel(check: ModelCheck, signal?: AbortSignal): Promise<ModelVerdict> {
  const startedMs = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'payment-eda-model-'));
  try {
    for (const name of readdirSync(pathOfModels()).filter((file) => file.endsWith('.pml')))
      cpSync(join(pathOfModels(), name), join(folder, name));
    const isLiveness = check.kind === 'liveness';
    const flags = [...check.flags, ...(isLiveness ? ['LIVENESS'] : [])].map((flag) => `-D${flag}`);
    await mustRun(folder, 'spin', ['-a', ...flags, `${check.model}.pml`], signal);
    const kind = isLiveness ? [`-DNFAIR=${FAIRNESS_SLOTS}`] : ['-DSAFETY'];
    // What takes time with a small model is to compile it.
    const effort = check.isLarge ? '-O2' : '-O0';
    const options = ['-DCOLLAPSE', `-DMEMLIM=${MEMORY_MAX_MB}`, ...kind];
    await mustRun(folder, 'gcc', ['-w', effort, ...options, '-o', 'pan', 'pan.c'], signal);
    const depthMax = check.expected === 'holds' ? DEPTH_MAX : MUTANT_DEPTH_MAX;
    const search = [`-m${depthMax}`, ...(isLiveness ? ['-a', '-f'] : [])];
    const { output } = await run(folder, './pan', search, signal);
    const found = readSearch(output);
    const replay = found.outcome === 'broken' ? (await run(folder, './pan', ['-r'], signal)).output : '';
    const { broken, trail } =
      found.outcome === 'broken' ? readTrail(output, replay) : { broken: null, trail: [] };
    const seconds = (performance.now() - startedMs) / 1_000;
    return {
      check,
      ...found,
      broken,
      trail,
      seconds,
      isAsExpected: isExpected(check, found.outcome, broken),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
