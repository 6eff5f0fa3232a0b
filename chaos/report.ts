import type { Injected } from './injected';

/** One injection. */
export interface Injection extends Injected {
  name: string;
  /** Seconds since the load began. */
  atS: number;
  /** Until a new order was sold, settled and acknowledged again; `undefined`: not within the limit. */
  recoveredAfterMs: number | undefined;
}

export interface ChaosResult {
  seed: number;
  minutes: number;
  injections: readonly Injection[];
  orders: number;
  /** By status of the payment. */
  statuses: ReadonlyMap<string, number>;
  answers: ReadonlyMap<string, number>;
  /** From the end of the load until nothing waited for anything; `undefined`: not within the limit. */
  restAfterMs: number | undefined;
  /** Single faults that the run did not inject as they were meant. */
  unreached: readonly string[];
  /** Sentences of the judge and of the audit; none is a pass. */
  problems: readonly string[];
}

export interface FaultSummary {
  name: string;
  /** How often it was injected as it was meant. */
  times: number;
  /** How often its moment did not come. */
  missed: number;
  medianMs: number;
  worstMs: number;
  unrecovered: number;
  what: readonly string[];
}

/** Injections by fault, the slowest recovery first. */
export function summaryOf(injections: readonly Injection[]): FaultSummary[] {
  const byName = new Map<string, Injection[]>();
  for (const injection of injections)
    byName.set(injection.name, [...(byName.get(injection.name) ?? []), injection]);
  return [...byName]
    .map(([name, all]) => {
      const times = all.flatMap(({ recoveredAfterMs }) => recoveredAfterMs ?? []).toSorted((a, b) => a - b);
      return {
        name,
        times: all.filter(({ isHit }) => isHit).length,
        missed: all.filter(({ isHit }) => !isHit).length,
        medianMs: times[Math.floor(times.length / 2)] ?? 0,
        worstMs: times.at(-1) ?? 0,
        unrecovered: all.length - times.length,
        what: [...new Set(all.map(({ what }) => what))],
      };
    })
    .toSorted((a, b) => b.worstMs - a.worstMs);
}

export const isPass = ({ problems, injections, restAfterMs }: ChaosResult): boolean =>
  problems.length === 0 &&
  restAfterMs !== undefined &&
  injections.some(({ isHit }) => isHit) &&
  injections.every(({ recoveredAfterMs }) => recoveredAfterMs !== undefined);

const seconds = (ms: number): string => (ms / 1000).toFixed(1);
const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const list = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

/** In a few lines, for the terminal. */
export function summaryText(result: ChaosResult): string {
  const { seed, minutes, injections, orders, statuses, restAfterMs, problems, unreached } = result;
  const hits = injections.filter(({ isHit }) => isHit);
  const kinds = new Set(hits.map(({ name }) => name));
  const neverHit = [...new Set(injections.map(({ name }) => name))].filter((name) => !kinds.has(name));
  const recovered = injections
    .flatMap(({ recoveredAfterMs }) => recoveredAfterMs ?? [])
    .toSorted((a, b) => a - b);
  const lines = [
    `${isPass(result) ? 'PASSED' : 'FAILED'}: seed ${seed}, ${minutes} minutes, ${hits.length} faults of ${kinds.size} kinds, ${orders} orders (${list(statuses)})`,
    ...(neverHit.length === 0 ? [] : [`not hit, and so not shown: ${neverHit.join(', ')}`]),
    ...(unreached.length === 0
      ? []
      : [`${unreached.length} single faults not reached: ${unreached.join(', ')}`]),
    `a new order was settled again after ${seconds(recovered[Math.floor(recovered.length / 2)] ?? 0)} s (median), ${seconds(recovered.at(-1) ?? 0)} s (worst)`,
    restAfterMs === undefined
      ? 'not everything came to rest'
      : `${seconds(restAfterMs)} s after the load ended nothing waited for anything`,
    problems.length === 0
      ? 'no won lost, none twice, no promise broken'
      : `${problems.length} problems:\n${problems
          .slice(0, 30)
          .map((problem) => `  ${problem}`)
          .join('\n')}`,
  ];
  return lines.join('\n');
}

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}.bad{color:#b00020}pre{white-space:pre-wrap}`;

/** The report as a page of its own: fault, times injected, what was observed. */
export function reportPage(result: ChaosResult): string {
  const rows = summaryOf(result.injections).map(
    ({ name, times, missed, medianMs, worstMs, unrecovered, what }) =>
      `<tr><td>${escaped(name)}</td><td class="n">${times}</td><td class="n">${missed}</td><td class="n">${seconds(medianMs)}</td><td class="n">${seconds(worstMs)}</td><td>${escaped(what.slice(0, 4).join('; '))}${unrecovered > 0 ? ` <b class="bad">not recovered: ${unrecovered}</b>` : ''}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Chaos, seed ${result.seed}</title><style>${STYLE}</style>
<h1>Chaos run, seed ${result.seed}</h1>
<pre>${escaped(summaryText(result))}</pre>
<table><thead><tr><th>fault</th><th>times</th><th>missed</th><th>recovery, median s</th><th>worst s</th><th>observed</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table>
<h2>Answers to shoppers and administrator</h2>
<p>${escaped(list(result.answers))}</p>
</html>
`;
}
