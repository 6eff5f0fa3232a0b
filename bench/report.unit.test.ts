import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBaseline, saveBaseline } from './baseline';
import { caseRun, resultOf, type BenchCase } from './case';
import { emptySamples } from './load.plan';
import type { Machine } from './machine';
import { reportText, type Report } from './report';
import { reportPage } from './report.html';
import type { LoadWindow } from './window';

const machine: Machine = {
  cpu: 'Some <CPU>',
  cores: 2,
  memoryMiB: 8_192,
  kernel: 'Linux 6',
  node: '20',
  java: '17',
  mysql: '8',
  kafka: '4',
  debezium: '3',
  registry: 'Apicurio 3',
  fsyncMs: 0.3,
  fsyncP99Ms: 2,
  loadAverage: 0.1,
};

const caseOf = (name: string): BenchCase => ({
  name,
  title: `Case ${name}`,
  measured: 'ours',
  rival: 'theirs',
  unit: 'x/s',
  bar: { kind: 'at-least', ratio: 5 },
  needs: [],
  run: async () => caseRun(1, 1),
});

const window = (perSecond: number): LoadWindow => ({
  purchasesPerSecond: perSecond,
  purchases: 2,
  errors: [],
  settledAfterMs: 10,
  cpuPerPurchase: { api: 2, mysqld: 1 },
  memoryMiB: { api: 100 },
  loadCpuPerPurchase: 0.1,
  samples: { ...emptySamples(), checkoutMs: [5, 9], confirmMs: [7, 30], confirmStatus: [200, 200] },
});

const report: Report = {
  at: '2026-11-30T00:00:00.000Z',
  options: { runs: 2, seconds: 20, clients: 64, orders: 200_000 },
  machine,
  cases: [
    resultOf(caseOf('fast'), [caseRun(60, 10), caseRun(70, 10)]),
    resultOf(caseOf('absent'), [], 'this clone does not have the commit'),
  ],
  measurements: [
    { run: 0, name: 'now', measurement: window(60) },
    { run: 0, name: 'before', measurement: window(10) },
  ],
  baseline: { savedAt: '', machine: {}, cases: { fast: { median: 6.2, min: 6, max: 6.3 } } },
};

describe('report', () => {
  it('When it is printed, then each case has its ratio, its bar, its baseline and its verdict', () => {
    const text = reportText(report);
    expect(text).toMatch(/fast +6\.50 \[6\.00–7\.00\] +≥ 5 +6\.20 \[6\.00–6\.30\] +pass/);
    expect(text).toMatch(/absent +– +≥ 5 +– +FAIL/);
    expect(text).toContain('absent: this clone does not have the commit');
  });

  it('When it is a page, then it needs no other file, escapes what it shows, and every number is one', () => {
    const page = reportPage(report);
    expect(page).toContain('Some &lt;CPU&gt;');
    expect(page).toContain('this clone does not have the commit');
    expect(page.match(/<svg/g)).toHaveLength(4);
    expect(page).not.toMatch(/NaN|undefined|Infinity|(src|href)="[^#]/);
  });
});

describe('baseline', () => {
  const folder = mkdtempSync(join(tmpdir(), 'baseline-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('When ratios are saved, then those of cases that were not measured stay', () => {
    const path = join(folder, 'baseline.json');
    expect(readBaseline(path)).toBeUndefined();
    const save = (name: string, measured: number): string =>
      saveBaseline([resultOf(caseOf(name), [caseRun(measured, 3)])], { machine, savedAt: 'now' }, path);
    save('a', 1);
    save('b', 2);
    save('a', 3);
    saveBaseline([resultOf(caseOf('b'), [], 'failed')], { machine, savedAt: 'now' }, path);
    expect(readBaseline(path)?.cases).toEqual({
      a: { median: 1, min: 1, max: 1 },
      b: { median: 0.6667, min: 0.6667, max: 0.6667 },
    });
  });
});
