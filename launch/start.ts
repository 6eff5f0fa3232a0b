import pc from 'picocolors';
import { runLaunch } from './command';
import { readLaunchConfig } from './config';
import { showPurchase } from './first-purchase';
import { onInterruption } from '#stack/interruption';
import { connectorLine, print, screenReport, supervisorLine } from './screen';
import { urlOf } from './services';
import { systemUp, type RunningSystem } from './system';

function addresses({ config, stack }: RunningSystem): string {
  const { connectUrl, registryUrl } = stack.endpoints;
  const rows: [string, string][] = [
    ['shop', `${urlOf(config, 'api')}/`],
    ['API documents', `${urlOf(config, 'api')}/docs and ${urlOf(config, 'wallet')}/docs`],
    ['payments', `${urlOf(config, 'api')}/api/payments  Authorization: Bearer ${config.adminKey}`],
    ['wallets', `${urlOf(config, 'wallet')}/api/wallets   Authorization: Bearer ${config.adminKey}`],
    [
      'administration',
      `${urlOf(config, 'api')}/admin and ${urlOf(config, 'wallet')}/  key: ${config.adminKey}`,
    ],
    ...(config.withSimulator
      ? [['PSP calls', `${urlOf(config, 'simulator')}/simulator/calls`] as [string, string]]
      : []),
    ['Kafka Connect', connectUrl],
    ['registry', registryUrl],
  ];
  return rows.map(([name, url]) => `  ${name.padEnd(14)} ${url}`).join('\n');
}

async function main(): Promise<number> {
  const startedMs = Date.now();
  const interruption = onInterruption(print);
  const system = await systemUp(readLaunchConfig(), screenReport, interruption);
  try {
    await showPurchase(system);
    print(`\n${pc.bold('running')}, ${((Date.now() - startedMs) / 1000).toFixed(1)} s after the start`);
    print(`${addresses(system)}\nCtrl-C stops everything that was started.`);
    system.superviseAll(
      (event) => print(supervisorLine(event)),
      (event) => print(connectorLine(event)),
    );
    if (!interruption.aborted) {
      // A timer keeps the process alive: it waits for nothing else.
      const alive = setInterval(() => {}, 60_000);
      await new Promise<void>((resolve) =>
        interruption.addEventListener('abort', () => resolve(), { once: true }),
      );
      clearInterval(alive);
    }
    return 0;
  } finally {
    await system.down();
    print('stopped');
  }
}

runLaunch(main);
