import { closeSync, fdatasyncSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { arch, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { readStackSettings } from '#stack/config';
import { requireJava } from '#stack/prerequisites';
import { projectFolder } from '#stack/project';
import { runTool } from '#stack/tool';
import { quantiles } from './statistics';

const FSYNC_WRITES = 200;
const FSYNC_BYTES = 4_096;
const MIB = 1_048_576;

/** What another machine's numbers have to be compared with. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryMiB: number;
  kernel: string;
  node: string;
  java: string;
  mysql: string;
  kafka: string;
  debezium: string;
  registry: string;
  /** Median and 99th percentile of 200 writes of 4 KiB, each with fdatasync, in ms. */
  fsyncMs: number;
  fsyncP99Ms: number;
  /** Load average of the last minute when the run began: other work makes the numbers worse. */
  loadAverage: number;
}

/** Duration of each write of 4 KiB with its fdatasync in `folder`, in ms. */
export function measureFsync(folder: string, writes = FSYNC_WRITES): number[] {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `fsync-${process.pid}`);
  const file = openSync(path, 'w');
  const block = Buffer.alloc(FSYNC_BYTES, 1);
  try {
    return Array.from({ length: writes }, () => {
      const beganMs = performance.now();
      writeSync(file, block);
      fdatasyncSync(file);
      return performance.now() - beganMs;
    });
  } finally {
    closeSync(file);
    rmSync(path, { force: true });
  }
}

/** Versions of the embedded servers, from the file that names them. */
function serverVersions(): (name: string) => string {
  const pom = readFileSync(join(projectFolder(), 'stack', 'pom.xml'), 'utf8');
  return (name) => new RegExp(`<${name}\\.version>([^<]+)<`).exec(pom)?.[1] ?? 'unknown';
}

/**
 * Describes the machine and measures its fsync in `folder`.
 *
 * @throws StackError without a Java that is new enough
 */
export async function describeMachine(folder: string): Promise<Machine> {
  const settings = readStackSettings();
  const java = await requireJava(settings);
  const { output } = await runTool(java, ['-version'], {
    cwd: settings.projectDir,
    env: settings.environment,
    signal: undefined,
  });
  const version = serverVersions();
  const [fsyncMs = 0, fsyncP99Ms = 0] = quantiles(measureFsync(folder), [0.5, 0.99]);
  const [load = ''] = readFileSync('/proc/loadavg', 'utf8').split(' ');
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryMiB: Math.round(totalmem() / MIB),
    kernel: `${type()} ${release()} ${arch()}`,
    node: process.versions.node,
    java: /version "([^"]+)"/.exec(output)?.[1] ?? 'unknown',
    mysql: version('mysql'),
    kafka: version('kafka'),
    debezium: version('debezium'),
    registry: `Apicurio ${version('apicurio')}`,
    fsyncMs: Number(fsyncMs.toFixed(3)),
    fsyncP99Ms: Number(fsyncP99Ms.toFixed(3)),
    loadAverage: Number(load),
  };
}
