import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Report } from './report';
import { reportPage } from './report.html';

/** Writes `report.json`, with every raw sample, and the page `report.html` into `folder`. @returns the page's path */
export function writeReport(report: Report, folder: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'report.json'), JSON.stringify(report));
  const page = join(folder, 'report.html');
  writeFileSync(page, reportPage(report));
  return page;
}
