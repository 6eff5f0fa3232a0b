import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectFolder } from '#stack/project';

const LINES = 100_000;
/** A check that has lost its index reads a table for each row of another: hours. */
const TIMEOUT_MS = 420_000;

interface Report {
  lines: number;
  events: number;
  retainedEvents: number;
  results: { what: string; verifiedLines: number; comparedEvents: number; peakMiB: number }[];
}

/** The short form of `npm run bench -- audit`: the operator's command on a ledger of a hundred thousand lines. */
test(
  'When a ledger has 100,000 lines, then the audit verifies each of them once, and then only what is new',
  async () => {
    const folder = projectFolder();
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(folder, 'launch', 'run.mjs'), 'bench', 'audit', `--lines=${LINES}`, '--buffer-mib=512', '--json'],
      { cwd: folder, timeout: TIMEOUT_MS },
    );
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
    const left = join(folder, '.stack-bench');
    expect(existsSync(left) ? readdirSync(left) : []).toEqual([]);
  },
  TIMEOUT_MS,
);
