import type { Admin } from 'kafkajs';
import { apply } from '#connect/apply';
import { connectSettings } from '#connect/config';
import { readDefinitions } from '#connect/definition';
import { remove } from '#connect/rest';
import { sleep } from '#kit/clock';
import { createLog } from '#kit/log';
import type { Service } from '#launch/services';
import { GROUPS, withAdmin } from './groups';
import { hit, missed, skipped, type Fault } from './injected';
import type { LinkFault } from './proxy';
import type { Random } from './random';
import type { Repertoire } from './schedule';
import { cameTo, untilSchemaIsAsked } from './schemas-asked';
import { STEP_KILLS, until, untilLockWait, whileRowIsLocked } from './step-kills';
import { LINKS, TARGETS, type ChaosSystem, type ConsumerName, type LinkName, type Target } from './system';

const SERVICES = ['api', 'worker', 'wallet', 'simulator'] as const;

/** How long a disturbance lasts. */
const lasting = (random: Random): number => random.between(2_000, 9_000);
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** Longer than a consumer waits for the registry's answer. */
const pastTimeLimit = (random: Random): number => random.between(6_000, 12_000);

const NOBODY_ASKED = missed('nobody asked the registry for a schema');
const oneOf = (random: Random): ConsumerName => (random.next() < 0.5 ? 'wallet' : 'worker');

const kill = (targets: readonly Target[]): Fault => ({
  name: `SIGKILL ${targets.join(' + ')}`,
  async run(system, random) {
    // Not at the same moment: the second dies while the first is missed.
    const apartMs = targets.length > 1 ? random.between(0, 1_500) : 0;
    for (const target of targets) {
      await system.signal(target, 'SIGKILL');
      await sleep(apartMs);
    }
    const how = targets.length > 1 ? `${seconds(apartMs)} apart` : 'started again by its supervisor';
    if (!targets.includes('registry')) return hit(how);
    const asker = oneOf(random);
    const asked = await untilSchemaIsAsked(system, asker);
    return asked === undefined ? NOBODY_ASKED : hit(`${how}, asked for schemas by ${asker}`);
  },
});

/** Killed when a consumer is about to ask. */
const killRegistry: Fault = {
  name: 'SIGKILL registry',
  async run(system, random) {
    const asker = oneOf(random);
    const asked = await untilSchemaIsAsked(system, asker, () => system.signal('registry', 'SIGKILL'));
    if (asked === undefined) return NOBODY_ASKED;
    const { refused } = asked();
    return refused === 0
      ? missed(`back before ${asker} asked`)
      : hit(`${asker} asked while it was away, and again until it was there`);
  },
};

const stop = (targets: readonly Target[]): Fault => ({
  name: `SIGSTOP ${targets.join(' + ')}`,
  async run(system, random) {
    const ms = lasting(random);
    const withRegistry = targets.includes('registry');
    const goOn = async (going: readonly Target[]): Promise<void> => {
      for (const target of going) await system.signal(target, 'SIGCONT');
    };
    try {
      for (const target of targets) await system.signal(target, 'SIGSTOP');
      await sleep(ms);
      if (!withRegistry) return hit(`for ${seconds(ms)}`);
      // Who is to ask it needs all the others.
      await goOn(targets.filter((target) => target !== 'registry'));
      const asker = oneOf(random);
      if ((await untilSchemaIsAsked(system, asker)) === undefined) return NOBODY_ASKED;
      const longerMs = pastTimeLimit(random);
      await sleep(longerMs);
      return hit(`for ${seconds(ms)}, the registry ${seconds(longerMs)} more after ${asker} had asked it`);
    } finally {
      await goOn(targets);
    }
  },
});

/** Whoever uses a connection only now and then may have none at the moment. */
const linkFaults = (name: LinkName): readonly LinkFault[] => [
  { mode: 'cut' },
  { mode: 'stall' },
  { mode: 'slow', delayMs: 150 },
  { mode: 'half-open', isNextToo: name === 'registry' || name === 'psp' },
];

const DROPPED_MS_MAX = 120_000;

/** Disturbs the link while it is used. @returns false when nobody would use it */
async function disturbInUse(
  system: ChaosSystem,
  random: Random,
  { name, fault }: { name: LinkName; fault: LinkFault },
): Promise<boolean> {
  const disturb = (): void => system.links[name].disturb(fault);
  // A connection that was lost already is given up by the check of the ids, before a message needs it.
  const isLater = name === 'registry' && fault.mode === 'half-open';
  if (!isLater) disturb();
  if (name !== 'registry') return true;
  return (await untilSchemaIsAsked(system, oneOf(random), isLater ? disturb : () => {})) !== undefined;
}

const link = (name: LinkName, fault: LinkFault): Fault => ({
  name: `${fault.mode} link to ${name}`,
  async run(system, random) {
    const ms = name === 'registry' ? pastTimeLimit(random) : lasting(random);
    const disturbed = system.links[name];
    const count = cameTo(disturbed);
    try {
      if (!(await disturbInUse(system, random, { name, fault }))) return NOBODY_ASKED;
      await sleep(ms);
    } finally {
      disturbed.heal();
    }
    // A connection that lost its end stays lost: it may be used only now.
    if (fault.mode === 'half-open' && !(await until(async () => count().dropped > 0, DROPPED_MS_MAX)))
      return missed('nobody used a connection that had lost its end');
    const { connections, bytes, cut, dropped } = count();
    // Debezium comes back seconds after it was cut off, perhaps when all is over.
    if (connections + bytes + cut === 0) return missed('nobody used the link');
    const ended = cut === 0 ? '' : `, ${cut} were cut`;
    const lost = dropped === 0 ? '' : `, ${dropped} of them into the void`;
    return hit(`for ${seconds(ms)}${ended}, ${connections} connections and ${bytes} bytes came${lost}`);
  },
});

const FILL_ROW_BYTES = 1_000_000;
const FILL_ROW_BYTES_MIN = 1_000;
const TABLE_FULL = 1114;
const ROOM_MS_MAX = 300_000;
const ROOM_POLL_MS = 500;

/** @returns rows of ballast until nothing more went in */
async function fillDisk(system: ChaosSystem): Promise<number> {
  const root = await system.asRoot();
  try {
    await root.query(
      'CREATE TABLE IF NOT EXISTS chaos_ballast (no INT AUTO_INCREMENT PRIMARY KEY, pad LONGBLOB)',
    );
    // What only fills the disk need not go through the binlog.
    await root.query('SET SESSION sql_log_bin = 0');
    let rows = 0;
    for (let size = FILL_ROW_BYTES; size > FILL_ROW_BYTES_MIN;) {
      try {
        await root.query('INSERT INTO chaos_ballast (pad) VALUES (REPEAT("x", ?))', [size]);
        rows += 1;
      } catch (error) {
        if ((error as { errno?: number }).errno !== TABLE_FULL) throw error;
        size = Math.floor(size / 4);
      }
    }
    return rows;
  } finally {
    await root.end().catch(() => {});
  }
}

/**
 * The way out of a full disk. A server that has died of it, as InnoDB does when it has no room to roll back in, is given a
 * larger one.
 *
 * @returns whether it had died
 */
async function makeRoom(system: ChaosSystem): Promise<boolean> {
  const deadline = performance.now() + ROOM_MS_MAX;
  let hasDied = false;
  for (;;) {
    try {
      const root = await system.asRoot();
      try {
        await root.query('DROP TABLE IF EXISTS chaos_ballast');
        return hasDied;
      } finally {
        await root.end().catch(() => {});
      }
    } catch (error) {
      if (performance.now() > deadline) throw error;
      if (!hasDied) system.enlargeDisk();
      hasDied = true;
      await sleep(ROOM_POLL_MS);
    }
  }
}

const diskFull: Fault = {
  name: 'database has no room left',
  async run(system, random) {
    const ms = lasting(random);
    let rows: number | undefined;
    let hasDied: boolean;
    try {
      // It may die before it is quite full: others write at the same time.
      rows = await fillDisk(system).catch(() => undefined);
      await sleep(ms);
    } finally {
      hasDied = await makeRoom(system);
    }
    if (rows === undefined && !hasDied) return missed('the disk could not be filled');
    return hit(hasDied ? 'the server died of it' : `after ${rows} rows of ballast, for ${seconds(ms)}`);
  },
};

/** A second consumer joins while a batch of the first waits for a wallet, which is released then. */
async function joinInMidBatch(system: ChaosSystem) {
  const sql = 'SELECT no FROM wallets WHERE seller_no = ? FOR UPDATE';
  // It is ready only once the batch is done, so it must not be awaited under the lock.
  let joining: Promise<Service> | undefined;
  try {
    const isMidBatch = await withAdmin(system, (admin) =>
      whileRowIsLocked(system, sql, 1, async (root) => {
        const isWaiting = await untilLockWait(root, 'wallets');
        joining = system.secondWallet();
        joining.catch(() => {});
        const isJoining = await until(async () => {
          const { groups } = await admin.describeGroups(['wallet-service']);
          return groups[0]?.state === 'PreparingRebalance';
        });
        return isWaiting && isJoining && (await untilLockWait(root, 'wallets'));
      }),
    );
    return { second: await joining, isMidBatch };
  } catch (error) {
    void joining?.then((second) => second.stop()).catch(() => {});
    throw error;
  }
}

const rebalance: Fault = {
  name: 'rebalance in mid-batch',
  async run(system, random) {
    const ms = lasting(random);
    const { second, isMidBatch } = await joinInMidBatch(system);
    await sleep(ms);
    const isKilled = random.next() < 0.5;
    if (isKilled) second?.kill('SIGKILL');
    await second?.stop();
    if (!isMidBatch) return missed('no batch waited when the second consumer joined');
    return hit(
      `a second wallet consumer joined for ${seconds(ms)} and was ${isKilled ? 'killed' : 'stopped'}`,
    );
  },
};

const silentLog = createLog('chaos', 'silent');

const connectorReapplied: Fault = {
  name: 'connector deleted and applied again',
  async run(system, random) {
    const settings = connectSettings(system.config.env);
    for (const { name } of readDefinitions(settings.placeholders)) await remove(settings, name);
    const ms = lasting(random);
    await sleep(ms);
    await apply(settings, { log: silentLog });
    return hit(`absent for ${seconds(ms)}`);
  },
};

/** Half a second each: the members' sessions run out in seconds, where the broker is not too busy to see it. */
const REWIND_TRIES_MAX = 240;

async function rewind(system: ChaosSystem, admin: Admin): Promise<void> {
  // A group's offsets can be set only while nobody is in it: its members are held by their links.
  system.links.kafka.disturb({ mode: 'cut' });
  try {
    let left: { groupId: string; topic: string }[] = [...GROUPS];
    for (let tries = 0; tries < REWIND_TRIES_MAX && left.length > 0; tries += 1) {
      await sleep(500);
      const done: typeof left = [];
      for (const { groupId, topic } of left) {
        try {
          await admin.resetOffsets({ groupId, topic, earliest: true });
          done.push({ groupId, topic });
        } catch {
          // Its members' sessions have not run out yet.
        }
      }
      left = left.filter((group) => !done.some(({ groupId }) => groupId === group.groupId));
    }
    if (left.length > 0) throw new Error(`could not rewind ${left.map(({ groupId }) => groupId).join(', ')}`);
  } finally {
    system.links.kafka.heal();
  }
}

/** Every event is delivered again, on both sides. */
const offsetsRewound: Fault = {
  name: 'offsets rewound to the beginning',
  async run(system) {
    await withAdmin(system, (admin) => rewind(system, admin));
    return hit('of both groups');
  },
};

const HOUR_S = 3_600;

const clockJump = (offsetS: number): Fault => ({
  name: `clock jumps by ${offsetS > 0 ? '+' : ''}${offsetS / HOUR_S} h`,
  async run(system, random) {
    const ms = lasting(random);
    const done = SERVICES.filter((target) => target !== 'simulator').map((target) =>
      system.shiftClock(target, offsetS),
    );
    if (!done.every(Boolean)) return skipped('libfaketime');
    await sleep(ms);
    for (const target of SERVICES) system.shiftClock(target, 0);
    return hit(`in API, worker and wallet consumer, for ${seconds(ms)}`);
  },
});

const registryDownAtStart: Fault = {
  name: 'registry down while the consumers start',
  async run(system, random) {
    const ms = lasting(random);
    system.links.registry.disturb({ mode: 'cut' });
    try {
      // The worker first: what it is to ask about comes from the wallet, which settles nothing once it has asked in vain.
      for (const consumer of ['worker', 'wallet'] as const)
        if ((await untilSchemaIsAsked(system, consumer)) === undefined) return NOBODY_ASKED;
      await sleep(ms);
      return hit(`for ${seconds(ms)} more after both had asked it`);
    } finally {
      system.links.registry.heal();
    }
  },
};

const single: readonly Fault[] = [
  ...TARGETS.map((target) => (target === 'registry' ? killRegistry : kill([target]))),
  ...TARGETS.map((target) => stop([target])),
  ...LINKS.flatMap((name) => linkFaults(name).map((fault) => link(name, fault))),
  ...STEP_KILLS,
  diskFull,
  rebalance,
  connectorReapplied,
  offsetsRewound,
  clockJump(HOUR_S),
  clockJump(-HOUR_S),
  registryDownAtStart,
];

const PAIRS: readonly (readonly [Target, Target])[] = TARGETS.flatMap((one, index) =>
  TARGETS.slice(index + 1).map((other) => [one, other] as const),
);

/** Everything that a run can inject. */
export const REPERTOIRE: Repertoire = {
  singles: single,
  pairs: PAIRS.flatMap((pair) => [kill(pair), stop(pair)]),
};

/** Whether a run of these alone would ever inject anything. */
export const isFaultNamed = (text: string): boolean =>
  [...REPERTOIRE.singles, ...REPERTOIRE.pairs].some(({ name }) => name.includes(text));
