import { systemClock } from '#kit/clock';
import { ConfigError } from '#kit/config';
import { createLog } from '#kit/log';
import { runUntilSignal } from '#kit/process';
import { Releases } from '#kit/releases';
import { readSimulatorConfig, type SimulatorConfig } from './config';
import { startSimulator } from './simulator';

const RELEASE_TIMEOUT_MS = 5000;

async function main(config: SimulatorConfig): Promise<void> {
  const log = createLog('psp-simulator', config.logLevel);
  const releases = new Releases();
  const { fail } = runUntilSignal({ log, releases, releaseTimeoutMs: RELEASE_TIMEOUT_MS });
  try {
    const simulator = await startSimulator({ ...config, clock: systemClock, log });
    releases.push('simulator', () => simulator.close());
    log.info({ url: simulator.url, dir: config.dir }, 'listening');
  } catch (error) {
    fail(error);
  }
}

try {
  void main(readSimulatorConfig());
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
