import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '#stack/project';

const LINES = 100_000;
/** A check that has lost its index reads a table for each row of another: hours. */
const TIMEOUT_MS = 420_000;
/** The command is told to end, has this long to take its servers down, and is then killed; jest cuts a test without that. */
const STOP_MS = 45_000;
const TERMINATE_AFTER_MS = TIMEOUT_MS - STOP_MS - 15_000;

interface Report {
  lines: number;
  events: number;
  retainedEvents: number;
  results: { what: string; verifiedLines: number; comparedEvents: number; peakMiB: number }[];
}

/**
 * Runs `npm run bench -- audit` with these arguments.
 *
 * @returns its standard output
 * @throws Error with all that it has said when it fails or hangs; it has ended by then
 */
function benchAudit(folder: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const script = join(folder, 'launch', 'run.mjs');
    const child = spawn(process.execPath, [script, 'bench', 'audit', ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = { out: '', err: '' };
    child.stdout.on('data', (text: Buffer) => (said.out += text.toString()));
    child.stderr.on('data', (text: Buffer) => (said.err += text.toString()));
    let ending = '';
    const terminate = setTimeout(() => {
      ending = `still running after ${TERMINATE_AFTER_MS} ms, `;
      child.kill('SIGTERM');
    }, TERMINATE_AFTER_MS);
    const kill = setTimeout(() => child.kill('SIGKILL'), TERMINATE_AFTER_MS + STOP_MS);
    const settle = (how: string): void => {
      clearTimeout(terminate);
      clearTimeout(kill);
      if (how === 'exit 0') resolve(said.out);
      else reject(new Error(`bench audit: ${ending}${how}\n${said.err}\n${said.out}`));
    };
    child.on('error', (error) => settle(error.message));
    child.on('close', (code, signal) => settle(signal ?? `exit ${code}`));
    // A server that a killed command has left may keep its output open.
    child.on('exit', (code, signal) => setTimeout(() => settle(signal ?? `exit ${code}`), 5_000).unref());
  });
}

/** Whose processes have ended: somebody else's run may be going on. Folders bear the process id. */
function endedRunsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => {
    try {
      return !process.kill(Number(name), 0);
    } catch {
      return true;
    }
  });
}

/** The short form of `npm run bench -- audit`: the operator's command on a ledger of a hundred thousand lines. */
test(
  'When a ledger has 100,000 lines, then the audit verifies each of them once, and then only what is new',
  async () => {
    const folder = projectFolder();
    const runs = join(folder, '.stack-bench');
    const before = endedRunsIn(runs);
    const stdout = await benchAudit(folder, [`--lines=${LINES}`, '--buffer-mib=512', '--json']);
    const { lines, events, retainedEvents, results } = JSON.parse(stdout) as Report;
    const [whole, nothing, some] = results;
    // Orders have two or three lines: the last one may be over.
    expect(whole?.verifiedLines).toBeGreaterThanOrEqual(LINES);
    expect(whole?.comparedEvents).toBeGreaterThan(LINES / 10);
    expect(nothing?.verifiedLines).toBe(0);
    expect(some?.verifiedLines).toBe(lines - (whole?.verifiedLines ?? 0));
    expect(some?.verifiedLines).toBeGreaterThan(990);
    // Most of the events were purged, as in a market that has sold for a month.
    expect(retainedEvents).toBeLessThan(events / 3);
    expect(endedRunsIn(runs).filter((name) => !before.includes(name))).toEqual([]);
  },
  TIMEOUT_MS,
);
