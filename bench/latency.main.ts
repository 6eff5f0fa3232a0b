import { closeDatabase } from '#prisma/transaction';
import { z } from 'zod';
import { readOptions } from '#kit/arguments';
import { sleep } from '#kit/clock';
import { CommandError, print, runOperation } from '#ops/command';
import { openOpsDatabase, type OpsDatabase } from '#ops/database';
import { benchAddresses } from './config';

const USAGE = `npm run bench [-- --purchases N] [--json]
Measures a running system (npm start in another terminal), one purchase at a time.`;
const WARM_UP = 20;
const POLL_MS = 2;
const SETTLE_TIMEOUT_MS = 30_000;

type Stage = 'checkout' | 'confirm' | 'credited' | 'acknowledged';
const STAGES: Record<Stage, string> = {
  checkout: 'checkout answered',
  confirm: 'confirm answered',
  credited: 'confirm’s answer → wallets credited',
  acknowledged: 'confirm’s answer → settlement acknowledged',
};

async function post(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new CommandError(`${url}: ${response.status} ${text}`);
  return JSON.parse(text);
}

async function msUntil(since: number, check: () => Promise<boolean>): Promise<number> {
  while (!(await check())) {
    if (performance.now() - since > SETTLE_TIMEOUT_MS) throw new CommandError('not settled within 30 s');
    await sleep(POLL_MS);
  }
  return performance.now() - since;
}

const order = z.object({ data: z.object({ orderId: z.string(), amount: z.number() }) });
const authenticated = z.object({ paymentKey: z.string() });

/** One purchase of one product; milliseconds of each stage, as a client sees them. */
async function measureOne(db: OpsDatabase): Promise<Record<Stage, number>> {
  const { apiUrl, simulatorUrl } = benchAddresses();
  const begun = performance.now();
  const { orderId, amount } = order.parse(
    await post(`${apiUrl}/api/payments/checkout`, { productNos: [1] }),
  ).data;
  const checkout = performance.now() - begun;
  const { paymentKey } = authenticated.parse(
    await post(`${simulatorUrl}/simulator/payments`, { orderId, amount }),
  );
  const asked = performance.now();
  await post(`${apiUrl}/api/payments/confirm`, { paymentKey, orderId, amount });
  const answered = performance.now();
  const credited = await msUntil(answered, async () => {
    const rows = await db.query<unknown>`SELECT 1 FROM wallet_transactions WHERE order_id = ${orderId}`;
    return rows.length > 0;
  });
  const acknowledged = await msUntil(answered, async () => {
    const rows = await db.query<unknown>`
      SELECT 1 FROM payment_events WHERE order_id = ${orderId} AND is_wallet_done`;
    return rows.length > 0;
  });
  return { checkout, confirm: answered - asked, credited, acknowledged };
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

runOperation(async () => {
  const { values } = readOptions(
    {
      options: { purchases: { type: 'string', default: '100' }, json: { type: 'boolean', default: false } },
    },
    USAGE,
  );
  const purchases = Number(values.purchases);
  if (!Number.isSafeInteger(purchases) || purchases < 1 || purchases > 10_000) throw new CommandError(USAGE);
  const db = openOpsDatabase();
  try {
    const samples: Record<Stage, number>[] = [];
    for (let index = 0; index < WARM_UP + purchases; index += 1) {
      const sample = await measureOne(db);
      if (index >= WARM_UP) samples.push(sample);
    }
    const result = Object.keys(STAGES).map((name) => {
      const stage = name as Stage;
      const sorted = samples.map((sample) => sample[stage]).sort((a, b) => a - b);
      return { stage, p50: quantile(sorted, 0.5), p90: quantile(sorted, 0.9), p99: quantile(sorted, 0.99) };
    });
    const ms = (value: number): string => value.toFixed(1).padStart(8);
    const lines = result.map(
      ({ stage, p50, p90, p99 }) => `${STAGES[stage].padEnd(44)}${ms(p50)}${ms(p90)}${ms(p99)}`,
    );
    const head = `${`${purchases} purchases, one at a time; ms`.padEnd(44)}     p50     p90     p99`;
    print(values.json ? JSON.stringify(result) : [head, ...lines].join('\n'));
    return 0;
  } finally {
    await closeDatabase(db);
  }
});
