import type { CaseResult } from './case';
import type { Machine } from './machine';
import { escaped, percentilePlot, ratioPlot, stackedBars, type Curve } from './plots';
import { ROLE_NAMES, type PerRole } from './processes';
import { barText, significant, spreadText, type Report, type TakenMeasurement } from './report';
import { median, quantiles, spreadOf } from './statistics';
import type { LoadWindow } from './window';

const STYLE = `
:root { color-scheme: light dark; --ink: #1b2430; --soft: #5b6675; --grid: #e3e7ec; --page: #fff; --card: #f6f8fa;
  --pass: #dff3e4; --good: #1a7f37; --bad: #c2332b; --bar: #b35900;
  --c0: #0072b2; --c1: #d55e00; --c2: #56b4e9; --c3: #e69f00; --c4: #009e73; --c5: #cc79a7; --c6: #8c6d46; --c7: #f0c808;
  --c8: #7a7f87; --c9: #b8bdc4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa6b5; --grid: #2d3540; --page: #12171d;
  --card: #1a2129; --pass: #17351f; --good: #4cc26b; --bad: #ff7b72; --bar: #f0a050; --c0: #4aa8e0; --c1: #f0803c; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 900px;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .2rem; } p { margin: .2rem 0 .6rem; } .soft { color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--grid); vertical-align: top; }
th { font-weight: 600; color: var(--soft); } td.n, th.n { text-align: right; white-space: nowrap; }
.scroll { overflow-x: auto; } .good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; background: var(--card); padding: .8rem 1rem;
  border-radius: 6px; margin: .8rem 0; } dt { color: var(--soft); } dd { margin: 0; }
svg { width: 100%; height: auto; display: block; margin: .6rem 0; font: 13px system-ui, sans-serif; }
svg text { fill: var(--ink); } .tick { fill: var(--soft) !important; font-size: 12px; }
.axis { stroke: var(--soft); } .grid { stroke: var(--grid); } .bar { stroke: var(--bar); stroke-width: 2; }
.barlabel { fill: var(--bar) !important; font-weight: 600; } .pass { fill: var(--pass); }
.dot { fill: var(--c0); fill-opacity: .75; stroke: var(--page); } .median { stroke: var(--ink); stroke-width: 3; }
.leader { stroke: var(--soft); stroke-dasharray: 2 3; } .baseline { fill: var(--soft); }
.curve { fill: none; stroke-width: 2; } .dashed { stroke-dasharray: 6 4; } .piece { stroke: var(--page); }
.inside { fill: #fff !important; font-size: 12px; text-anchor: middle; } a { color: var(--c0); }
.i2, .i3, .i7, .i9 { fill: #1b2430 !important; }
${Array.from({ length: 10 }, (_, index) => `.c${index} { stroke: var(--c${index}); } .b${index}, svg .f${index} { fill: var(--c${index}); }`).join('\n')}
`;

/** Names of the systems for a reader. */
const SYSTEM_TITLE: Record<string, string> = { now: 'now', before: 'before', bare: 'bare SQL' };

const cells = (values: readonly string[], tag = 'td'): string =>
  values.map((value, column) => `<${tag}${column === 0 ? '' : ' class="n"'}>${value}</${tag}>`).join('');

const table = (head: readonly string[], rows: readonly string[][]): string =>
  `<div class="scroll"><table><thead><tr>${cells(head, 'th')}</tr></thead><tbody>` +
  `${rows.map((row) => `<tr>${cells(row)}</tr>`).join('')}</tbody></table></div>`;

function machineList(machine: Machine): string {
  const facts: [string, string][] = [
    ['processor', `${machine.cores} × ${machine.cpu}`],
    ['memory', `${(machine.memoryMiB / 1_024).toFixed(1)} GiB`],
    ['kernel', machine.kernel],
    ['fsync', `${machine.fsyncMs} ms median, ${machine.fsyncP99Ms} ms p99 (4 KiB, fdatasync)`],
    ['load average', `${machine.loadAverage} when the run began`],
    [
      'versions',
      `Node ${machine.node}, Java ${machine.java}, MySQL ${machine.mysql}, Kafka ${machine.kafka}, ` +
        `Debezium ${machine.debezium}, ${machine.registry}`,
    ],
  ];
  return `<dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd>${escaped(value)}</dd>`).join('')}</dl>`;
}

function summary({ cases, baseline }: Report): string {
  const rows = cases.map(({ case: { name, title, bar }, spread, passed }) => [
    `<a href="#${name}">${escaped(title)}</a>`,
    spreadText(spread),
    barText(bar),
    spreadText(baseline?.cases[name]),
    passed ? '<span class="good">pass</span>' : '<span class="bad">fail</span>',
  ]);
  return table(['case', 'ratio, median [min–max]', 'bar', 'baseline', ''], rows);
}

function caseSection({ case: benchCase, runs, spread, failure }: CaseResult, baselineRatio?: number): string {
  const { name, title, measured, rival, unit, bar } = benchCase;
  const head = `<h2 id="${name}">${escaped(title)}</h2><p>${escaped(measured)}<br>
<span class="soft">against ${escaped(rival)}</span></p>`;
  if (spread === undefined) return `${head}<p class="bad">${escaped(failure ?? 'not measured')}</p>`;
  const plot = ratioPlot({
    title: `${title}: ratio of each run`,
    ratios: runs.map(({ ratio }) => ratio),
    median: spread.median,
    bar,
    ...(baselineRatio === undefined ? {} : { baseline: baselineRatio }),
  });
  const rows = runs.map((run, index) => [
    `run ${index + 1}`,
    significant(run.measured),
    significant(run.rival),
    `${significant(run.ratio)}×`,
  ]);
  return `${head}${plot}${table(['', `measured, ${unit}`, `rival, ${unit}`, 'ratio'], rows)}`;
}

interface Windows {
  name: string;
  windows: LoadWindow[];
}

/** The windows of each system, all runs together. */
function windowsOf(measurements: readonly TakenMeasurement[]): Windows[] {
  return (['now', 'before'] as const)
    .map((name) => ({
      name,
      windows: measurements.flatMap((taken) =>
        taken.name === name ? [taken.measurement as LoadWindow] : [],
      ),
    }))
    .filter(({ windows }) => windows.length > 0);
}

const successes = (windows: readonly LoadWindow[], column: 'checkoutMs' | 'confirmMs'): number[] =>
  windows.flatMap(({ samples }) =>
    samples[column].filter((_, index) => samples.confirmStatus[index] === 200),
  );

function latencySection(systems: readonly Windows[]): string {
  const curves = systems.flatMap(({ name, windows }, colour): Curve[] => [
    { name: `${SYSTEM_TITLE[name]}: confirm`, colour, samples: successes(windows, 'confirmMs') },
    {
      name: `${SYSTEM_TITLE[name]}: checkout`,
      colour,
      dashed: true,
      samples: successes(windows, 'checkoutMs'),
    },
  ]);
  const rows = curves.map(({ name, samples }) => [
    name,
    ...quantiles(samples, [0.5, 0.9, 0.99, 1]).map(significant),
    String(samples.length),
  ]);
  return `<h2>Latency under the load</h2><p class="soft">Of a closed loop: it shows where a saturated system spends its
time, not what a shopper waits for at a given rate. All runs together.</p>
${percentilePlot('Latency by percentile', curves)}
${table(['ms', 'p50', 'p90', 'p99', 'max', 'samples'], rows)}`;
}

/** Median over the runs, role by role. */
function medianPerRole(windows: readonly LoadWindow[], valuesOf: (window: LoadWindow) => PerRole): PerRole {
  return Object.fromEntries(
    ROLE_NAMES.map((role) => [role, median(windows.map((window) => valuesOf(window)[role] ?? 0))]),
  );
}

function resourceSection(systems: readonly Windows[]): string {
  const bars = (valuesOf: (window: LoadWindow) => PerRole) =>
    systems.map(({ name, windows }) => ({
      name: SYSTEM_TITLE[name] ?? name,
      parts: medianPerRole(windows, valuesOf),
    }));
  const cpu = bars((window) => window.cpuPerPurchase);
  const names = ROLE_NAMES.filter((role) => cpu.some(({ parts }) => (parts[role] ?? 0) > 0));
  const rows = names.map((role) => [role, ...cpu.map(({ parts }) => (parts[role] ?? 0).toFixed(2))]);
  const other = systems.map(({ name, windows }) => [
    SYSTEM_TITLE[name] ?? name,
    spreadText(spreadOf(windows.map((window) => window.settledAfterMs / 1_000))),
    spreadText(spreadOf(windows.map((window) => window.loadCpuPerPurchase))),
    String(windows.reduce((sum, { errors }) => sum + errors.reduce((all, [, count]) => all + count, 0), 0)),
  ]);
  return `<h2>CPU per purchase</h2><p class="soft">User and system time of every process from the first purchase until the
last is settled; medians of the runs. The load generator is not part of it.</p>
${stackedBars('CPU per purchase', { names: ROLE_NAMES, bars: cpu, unit: 'ms' })}
${table(['ms', ...cpu.map(({ name }) => name)], rows)}
<h3>Resident memory at the end</h3>
${stackedBars('Resident memory', { names: ROLE_NAMES, bars: bars((window) => window.memoryMiB), unit: 'MiB' })}
${table(['', 'last settled after the load, s', 'load generator, ms CPU/purchase', 'failed purchases'], other)}`;
}

/** The report as one self-contained page. */
export function reportPage(report: Report): string {
  const { at, options, machine, cases, measurements, baseline } = report;
  const systems = windowsOf(measurements);
  const allPass = cases.every(({ passed }) => passed);
  const sections = [
    ...cases.map((result) => caseSection(result, baseline?.cases[result.case.name]?.median)),
    ...(systems.length === 0 ? [] : [latencySection(systems), resourceSection(systems)]),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>payment-eda benchmark, ${escaped(at)}</title><style>${STYLE}</style></head><body>
<h1>payment-eda benchmark</h1>
<p class="soft">${escaped(at)} · ${options.runs} ${options.runs === 1 ? 'run' : 'runs'} · ${options.clients} clients · ${options.seconds} s windows ·
backlogs of ${options.orders} orders ·
<span class="${allPass ? 'good' : 'bad'}">${allPass ? 'every bar is reached' : 'below a bar'}</span></p>
${machineList(machine)}
<p class="soft">Only ratios count: both sides of a case are measured in the same run on the same machine. A baseline is the
ratio of an earlier run.</p>
${summary(report)}
${sections.join('\n')}
</body></html>
`;
}
