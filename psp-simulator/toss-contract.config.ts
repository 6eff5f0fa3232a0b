import { z } from 'zod';
import { ConfigError, readConfig } from '#kit/config';

const TOSS_URL = 'https://api.tosspayments.com';
const TEST_KEY = /^test_g?sk_\w+$/;

const schema = z.object({
  TOSS_SECRET_KEY: z.string().optional(),
  TOSS_CONTRACT_BASE_URL: z.url({ protocol: /^https?$/ }).default(TOSS_URL),
  TOSS_CONTRACT_PAYMENT_KEY: z.string().min(1).max(200).optional(),
  TOSS_CONTRACT_ORDER_ID: z
    .string()
    .regex(/^[A-Za-z0-9_=-]{6,64}$/)
    .optional(),
  TOSS_CONTRACT_AMOUNT: z.coerce.number().int().min(200).optional(),
});

/** A payment that a shopper has authenticated within the last ten minutes, and that nobody has confirmed. */
export interface AuthenticatedPayment {
  paymentKey: string;
  orderId: string;
  amount: number;
}

/** Whom the contract suite speaks to. */
export type ContractTarget =
  | { kind: 'simulator' }
  | { kind: 'toss'; baseUrl: string; secretKey: string; payment: AuthenticatedPayment | undefined };

/**
 * Toss's test environment when `TOSS_SECRET_KEY` is set, the simulator otherwise.
 *
 * @throws ConfigError for a key that is no test key: the suite asks for approvals and cancels
 */
export function contractTarget(env: NodeJS.ProcessEnv = process.env): ContractTarget {
  const config = readConfig(schema, env);
  const { TOSS_SECRET_KEY: secretKey, TOSS_CONTRACT_BASE_URL: baseUrl } = config;
  if (secretKey === undefined) return { kind: 'simulator' };
  if (!TEST_KEY.test(secretKey)) {
    const what = secretKey.startsWith('live_') ? 'is a live key' : 'is no secret key of a test environment';
    throw new ConfigError(
      `TOSS_SECRET_KEY ${what}: the contract suite approves and cancels payments, and takes test_sk_… keys only`,
    );
  }
  const paymentKey = config.TOSS_CONTRACT_PAYMENT_KEY;
  const orderId = config.TOSS_CONTRACT_ORDER_ID;
  const amount = config.TOSS_CONTRACT_AMOUNT;
  const given = [paymentKey, orderId, amount].filter((value) => value !== undefined).length;
  if (paymentKey !== undefined && orderId !== undefined && amount !== undefined)
    return { kind: 'toss', baseUrl, secretKey, payment: { paymentKey, orderId, amount } };
  if (given > 0) {
    throw new ConfigError(
      'name all of TOSS_CONTRACT_PAYMENT_KEY, TOSS_CONTRACT_ORDER_ID, TOSS_CONTRACT_AMOUNT, or none',
    );
  }
  return { kind: 'toss', baseUrl, secretKey, payment: undefined };
}
