import type { Baseline } from './baseline';
import type { Bar, CaseResult } from './case';
import type { Machine } from './machine';
import { spreadOf } from './statistics';

/** Raw samples of one measurement of one run. */
export interface TakenMeasurement {
  /** From 0. */
  run: number;
  name: string;
  measurement: unknown;
}

export interface Report {
  /** ISO 8601, UTC. */
  at: string;
  options: { runs: number; seconds: number; clients: number; orders: number };
  machine: Machine;
  cases: CaseResult[];
  measurements: TakenMeasurement[];
  /** The earlier ratios that the new ones are shown beside. */
  baseline?: Baseline;
}

/** Three significant digits: "0.612", "5.31", "18.0", "240". */
export function significant(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** "≥ 0.6" or "≤ 0.25". */
export const barText = ({ kind, ratio }: Bar): string => `${kind === 'at-least' ? '≥' : '≤'} ${ratio}`;

/** "0.612 [0.590–0.640]"; "–" without a spread. */
export function spreadText(spread: { median: number; min: number; max: number } | undefined): string {
  if (spread === undefined) return '–';
  const { median, min, max } = spread;
  return `${significant(median)} [${significant(min)}–${significant(max)}]`;
}

/** The machine in one line of the terminal. */
export function machineText(machine: Machine): string {
  const { cpu, cores, memoryMiB, kernel, node, java, mysql, kafka, debezium } = machine;
  return [
    `${cores} × ${cpu}, ${(memoryMiB / 1_024).toFixed(0)} GiB, ${kernel}`,
    `fsync ${machine.fsyncMs} ms (p99 ${machine.fsyncP99Ms} ms), load average ${machine.loadAverage}`,
    `Node ${node}, Java ${java}, MySQL ${mysql}, Kafka ${kafka}, Debezium ${debezium}`,
  ].join('\n');
}

const sideText = (values: number[], unit: string): string => `${spreadText(spreadOf(values))} ${unit}`;

/** The report for a terminal. */
export function reportText({ cases, machine, baseline }: Report): string {
  const head = ['case', 'ratio [min–max]', 'bar', 'baseline', ''];
  const rows = cases.map(({ case: { name, bar }, spread, passed }) => [
    name,
    spreadText(spread),
    barText(bar),
    spreadText(baseline?.cases[name]),
    passed ? 'pass' : 'FAIL',
  ]);
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)),
  );
  const lines = [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const details = cases.flatMap(({ case: { name, measured, rival, unit }, runs, failure }) =>
    failure === undefined
      ? [
          `${name}: ${measured}\n  ${sideText(
            runs.map((run) => run.measured),
            unit,
          )}`,
          `  against ${rival}\n  ${sideText(
            runs.map((run) => run.rival),
            unit,
          )}`,
        ]
      : [`${name}: ${failure}`],
  );
  return [machineText(machine), '', ...lines, '', ...details].join('\n');
}
