import { pick } from './catalog';
import { JsonPoster, type HttpAnswer, type Post } from './connection';
import { openLoop, type LoopLimits } from './open-loop';
import { answerPlans } from './rivals/rate.plan';
import { emptySamples, type LoadPlan, type LoadResult, type LoadSamples } from './load.plan';

// The load generator, in a process of its own (`BenchContext.load` forks it): each message is a plan, each answer its samples.

const CONFIRMED = 200;

interface Shop {
  api: Post;
  simulator: Post;
}

/** The text of a field of a JSON answer, without parsing the whole of it. */
function field(body: string, name: string): string {
  const at = body.indexOf(`"${name}":`);
  if (at < 0) return '';
  return /^\s*"?([^",}]*)/.exec(body.slice(at + name.length + 3, at + name.length + 260))?.[1] ?? '';
}

const errorOf = (call: string, { status, body }: HttpAnswer): string =>
  `${call} ${status === 0 ? body : `${status} ${field(body, 'errorCode') || field(body, 'code')}`}`;

/** One purchase; appends its sample. Times are ms on the clock of `performance.now()`. */
async function purchase(
  { api, simulator }: Shop,
  body: string,
  samples: LoadSamples,
  { startMs, windowMs }: { startMs: number; windowMs: number },
): Promise<void> {
  const checkout = await api('/api/payments/checkout', body);
  const checkoutMs = performance.now() - startMs;
  const orderId = field(checkout.body, 'orderId');
  let [authenticateStatus, confirmStatus, confirmMs, confirmedAtMs, error] = [0, 0, 0, 0, ''];
  if (checkout.status >= 300 || orderId === '') error = errorOf('checkout', checkout);
  else {
    const amount = field(checkout.body, 'amount');
    const order = `"orderId":"${orderId}","amount":${amount}`;
    const authenticated = await simulator('/simulator/payments', `{${order}}`);
    authenticateStatus = authenticated.status;
    const paymentKey = field(authenticated.body, 'paymentKey');
    if (paymentKey === '') error = errorOf('authenticate', authenticated);
    else {
      const sentMs = performance.now();
      const confirm = await api('/api/payments/confirm', `{"paymentKey":"${paymentKey}",${order}}`);
      confirmMs = performance.now() - sentMs;
      confirmedAtMs = Date.now();
      confirmStatus = confirm.status;
      if (confirm.status !== CONFIRMED) error = errorOf('confirm', confirm);
    }
  }
  const rounded = (ms: number): number => Math.round(ms * 100) / 100;
  samples.startMs.push(rounded(startMs - windowMs));
  samples.checkoutMs.push(rounded(checkoutMs));
  samples.confirmMs.push(rounded(confirmMs));
  samples.endMs.push(rounded(performance.now() - windowMs));
  samples.checkoutStatus.push(checkout.status);
  samples.authenticateStatus.push(authenticateStatus);
  samples.confirmStatus.push(confirmStatus);
  samples.error.push(error);
  samples.confirmedAtMs.push(confirmedAtMs);
  samples.orderId.push(orderId);
}

type Buy = (startMs: number) => Promise<void>;

async function closedLoop(clients: number, buy: Buy, { endMs, countMax }: LoopLimits): Promise<void> {
  let begun = 0;
  const client = async (): Promise<void> => {
    for (let now = performance.now(); begun < countMax && now < endMs; now = performance.now()) {
      begun += 1;
      await buy(now);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}

/** Runs a plan to its last answer. */
async function run(plan: LoadPlan): Promise<LoadResult> {
  const simulator = new JsonPoster(plan.simulatorUrl);
  const apis = plan.apiUrls.map((url) => new JsonPoster(url));
  let begun = 0;
  const samples = emptySamples();
  const windowMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const buy: Buy = (startMs) => {
    const taken = apis[begun % apis.length];
    if (taken === undefined) throw new RangeError('the plan names no API');
    begun += 1;
    const body = JSON.stringify({ productNos: pick(plan.productNos, plan.linesPerOrder) });
    // A server that is busy accepts new connections late: a shopper who is served keeps his own.
    return taken.withConnection((api) =>
      purchase({ api, simulator: simulator.post }, body, samples, { startMs, windowMs }),
    );
  };
  const limits = {
    endMs: windowMs + (plan.seconds ?? Number.POSITIVE_INFINITY) * 1_000,
    countMax: plan.purchases ?? Number.POSITIVE_INFINITY,
  };
  let lateMs = 0;
  if (plan.shape.loop === 'closed') await closedLoop(plan.shape.clients, buy, limits);
  else {
    const { purchasesPerSecond: perSecond, arrivals } = plan.shape;
    lateMs = await openLoop({ perSecond, arrivals }, buy, limits);
  }
  const elapsedMs = performance.now() - windowMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  for (const api of apis) api.close();
  simulator.close();
  return { samples, elapsedMs, cpuMs: (user + system) / 1_000, lateMs };
}

answerPlans(run);
