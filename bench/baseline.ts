import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { projectFolder } from '#stack/project';
import type { CaseResult } from './case';
import type { Machine } from './machine';

const schema = z.object({
  savedAt: z.string(),
  machine: z.record(z.string(), z.union([z.string(), z.number()])),
  /** Ratios by the case's name. */
  cases: z.record(z.string(), z.object({ median: z.number(), min: z.number(), max: z.number() })),
});

/** The ratios of an earlier run. Absolute numbers are not kept: they say nothing on another day or machine. */
export type Baseline = z.infer<typeof schema>;

const pathOf = (): string => join(projectFolder(), 'bench', 'baseline.json');

/** The baseline of the repository; `undefined` before the first was saved. */
export function readBaseline(path = pathOf()): Baseline | undefined {
  return existsSync(path) ? schema.parse(JSON.parse(readFileSync(path, 'utf8'))) : undefined;
}

const rounded = (ratio: number): number => Number(ratio.toPrecision(4));

/** Replaces the ratios of the cases that were measured; the others stay. @returns the file's path */
export function saveBaseline(
  results: readonly CaseResult[],
  { machine, savedAt }: { machine: Machine; savedAt: string },
  path = pathOf(),
): string {
  const cases = { ...readBaseline(path)?.cases };
  for (const { case: benchCase, spread } of results) {
    if (spread === undefined) continue;
    const { median, min, max } = spread;
    cases[benchCase.name] = { median: rounded(median), min: rounded(min), max: rounded(max) };
  }
  writeFileSync(path, `${JSON.stringify({ savedAt, machine, cases }, null, 2)}\n`);
  return path;
}
