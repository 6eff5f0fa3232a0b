import type { Bar } from './case';
import { quantiles } from './statistics';

// Plots as SVG text. Colours are variables of the page's style, so that the page can be dark.

const WIDTH = 860;

/** Text as HTML and SVG take it. */
export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const svg = (height: number, title: string, body: string): string =>
  `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">${body}</svg>`;

const text = (x: number, y: number, content: string, more = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escaped(content)}</text>`;

const line = (x1: number, y1: number, x2: number, y2: number, kind: string): string =>
  `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" class="${kind}"/>`;

type Scale = (value: number) => number;

/** Maps values of a logarithmic axis to pixels. */
function logScale([least, most]: [number, number], [from, to]: [number, number]): Scale {
  const [low, high] = [Math.log10(least), Math.log10(most)];
  return (value) => from + ((Math.log10(Math.max(value, least)) - low) / (high - low)) * (to - from);
}

/** 1, 2 and 5 times the powers of ten within a range. */
function logTicks(least: number, most: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power += 1) {
    for (const step of [1, 2, 5]) {
      const tick = step * 10 ** power;
      if (tick >= least * 0.999 && tick <= most * 1.001) ticks.push(Number(tick.toPrecision(1)));
    }
  }
  return ticks;
}

export interface RatioPlot {
  title: string;
  /** One per run. */
  ratios: readonly number[];
  median: number;
  bar: Bar;
  baseline?: number;
}

/** Ratio of each run as a dot on a logarithmic axis, with the bar as a line and the passing side shaded. */
export function ratioPlot({ title, ratios, median, bar, baseline }: RatioPlot): string {
  const [left, right, top, bottom] = [16, WIDTH - 16, 44, 88];
  // A ratio of 0 stands at the axis' left end.
  const marks = [...ratios, bar.ratio, baseline ?? 1, 1].filter((mark) => mark > 0);
  const range: [number, number] = [Math.min(...marks) / 1.5, Math.max(...marks) * 1.5];
  const x = logScale(range, [left, right]);
  const barX = x(bar.ratio);
  const [passFrom, passTo] = bar.kind === 'at-least' ? [barX, right] : [left, barX];
  const middle = (top + bottom) / 2;
  const ticks = logTicks(...range).map(
    (tick) =>
      line(x(tick), bottom, x(tick), bottom + 5, 'axis') +
      text(x(tick), bottom + 19, `${tick}×`, 'class="tick" text-anchor="middle"'),
  );
  const dots = ratios.map(
    (ratio, run) =>
      `<circle cx="${x(ratio).toFixed(1)}" cy="${middle}" r="6" class="dot"><title>run ${run + 1}: ${ratio.toPrecision(3)}×</title></circle>`,
  );
  const anchor = barX > WIDTH - 150 ? 'end' : 'start';
  const body = [
    `<rect x="${passFrom.toFixed(1)}" y="${top}" width="${Math.max(passTo - passFrom, 0).toFixed(1)}" height="${bottom - top}" class="pass"/>`,
    line(left, bottom, right, bottom, 'axis'),
    ...ticks,
    line(barX, top - 10, barX, bottom, 'bar'),
    text(
      barX + (anchor === 'start' ? 5 : -5),
      top - 4,
      `bar ${bar.kind === 'at-least' ? '≥' : '≤'} ${bar.ratio}×`,
      `class="barlabel" text-anchor="${anchor}"`,
    ),
    baseline === undefined
      ? ''
      : `<path d="M ${x(baseline).toFixed(1)} ${bottom - 1} l -6 -10 l 12 0 z" class="baseline"><title>baseline ${baseline.toPrecision(3)}×</title></path>`,
    ...dots,
    line(x(median), middle - 15, x(median), middle + 15, 'median'),
    text(x(median), 16, `median ${median.toPrecision(3)}×`, 'class="label" text-anchor="middle"'),
    line(x(median), 20, x(median), middle - 15, 'leader'),
  ];
  return svg(116, title, body.join(''));
}

export interface Curve {
  name: string;
  /** Index of its colour. */
  colour: number;
  dashed?: boolean;
  /** ms */
  samples: readonly number[];
}

/** Positions of a percentile axis: each nine takes as much room as the one before. */
const SHARES = [0, 0.5, 0.9, 0.99, 0.999];
const nines = (share: number): number => -Math.log10(1 - Math.min(share, 0.9995));

/** Latency by percentile, both axes logarithmic: a tail is seen as far as it has samples. */
export function percentilePlot(title: string, curves: readonly Curve[]): string {
  const filled = curves.filter(({ samples }) => samples.length > 0);
  if (filled.length === 0) return '';
  const [left, right, top, bottom] = [58, WIDTH - 170, 14, 250];
  const all = filled.map(({ samples }) => quantiles(samples, [0.01, 1]));
  const range: [number, number] = [
    Math.max(Math.min(...all.map(([low = 1]) => low)) / 1.3, 0.05),
    Math.max(...all.map(([, high = 1]) => high)) * 1.2,
  ];
  const y = logScale(range, [bottom, top]);
  const x: Scale = (share) => left + (nines(share) / nines(0.9995)) * (right - left);
  const grid = logTicks(...range).map(
    (tick) =>
      line(left, y(tick), right, y(tick), 'grid') +
      text(
        left - 6,
        y(tick) + 4,
        tick >= 1_000 ? `${tick / 1_000} s` : `${tick} ms`,
        'class="tick" text-anchor="end"',
      ),
  );
  const columns = SHARES.map(
    (share) =>
      line(x(share), top, x(share), bottom, 'grid') +
      text(
        x(share),
        bottom + 18,
        share === 0 ? 'fastest' : `p${share * 100}`,
        'class="tick" text-anchor="middle"',
      ),
  );
  const labels = placedLabels(filled, y, bottom);
  const paths = filled.map(({ samples, colour, dashed, name }, index) => {
    const last = 1 - 1 / (samples.length + 1);
    const shares = Array.from({ length: 121 }, (_, step) => 1 - 10 ** (-(step / 120) * nines(last)));
    const points = quantiles(samples, shares).map(
      (ms, at) => `${x(shares[at] ?? 0).toFixed(1)},${y(ms).toFixed(1)}`,
    );
    const style = `class="curve c${colour}${dashed === true ? ' dashed' : ''}"`;
    const labelY = labels[index] ?? 0;
    return (
      `<polyline points="${points.join(' ')}" ${style}/>` +
      text(right + 10, labelY + 4, dashed === true ? `${name} - -` : name, `class="label f${colour}"`)
    );
  });
  const body = [...grid, ...columns, line(left, bottom, right, bottom, 'axis'), ...paths];
  return svg(276, title, body.join(''));
}

/** Where each curve's label goes: at its end, moved apart where they would overlap. */
function placedLabels(curves: readonly Curve[], y: Scale, bottom: number): number[] {
  const GAP = 17;
  const ends = curves.map(({ samples }, index) => ({ index, at: y(quantiles(samples, [1])[0] ?? 0) }));
  ends.sort((a, b) => a.at - b.at);
  for (const [place, end] of ends.entries()) {
    const above = ends[place - 1];
    if (above !== undefined) end.at = Math.max(end.at, above.at + GAP);
  }
  const over = Math.max((ends.at(-1)?.at ?? 0) - bottom, 0);
  const placed: number[] = [];
  for (const { index, at } of ends) placed[index] = at - over;
  return placed;
}

export interface StackedBar {
  name: string;
  /** Value of each part, by its name. */
  parts: Readonly<Record<string, number>>;
}

/** Horizontal stacked bars with one colour for each part and a legend; parts are drawn in the order of `names`. */
export function stackedBars(
  title: string,
  { names, bars, unit }: { names: readonly string[]; bars: readonly StackedBar[]; unit: string },
): string {
  const [left, right, rowHeight] = [96, WIDTH - 110, 40];
  const totals = bars.map(({ parts }) => Object.values(parts).reduce((sum, value) => sum + value, 0));
  const most = Math.max(...totals, 1e-9);
  const width = (value: number): number => (value / most) * (right - left);
  const rows = bars.map(({ name, parts }, row) => {
    let at = left;
    const y = row * rowHeight + 8;
    const pieces = names.map((part, index) => {
      const value = parts[part] ?? 0;
      const pieceWidth = width(value);
      const x = at;
      at += pieceWidth;
      if (pieceWidth < 0.5) return '';
      const label =
        pieceWidth > 42 ? text(x + pieceWidth / 2, y + 18, value.toFixed(1), `class="inside i${index}"`) : '';
      return (
        `<rect x="${x.toFixed(1)}" y="${y}" width="${pieceWidth.toFixed(1)}" height="26" class="piece b${index}">` +
        `<title>${escaped(`${name}, ${part}: ${value.toFixed(2)} ${unit}`)}</title></rect>${label}`
      );
    });
    const total = text(at + 8, y + 18, `${(totals[row] ?? 0).toFixed(1)} ${unit}`, 'class="label"');
    return text(left - 10, y + 18, name, 'class="label" text-anchor="end"') + pieces.join('') + total;
  });
  const used = names
    .map((name, index) => ({ name, index }))
    .filter(({ name }) => bars.some(({ parts }) => (parts[name] ?? 0) > 0));
  const legendY = bars.length * rowHeight + 18;
  const legend = used.map(({ name, index }, place) => {
    const x = left + place * 82;
    return `<rect x="${x}" y="${legendY - 10}" width="11" height="11" class="piece b${index}"/>${text(x + 16, legendY, name, 'class="tick"')}`;
  });
  return svg(legendY + 14, title, rows.join('') + legend.join(''));
}
