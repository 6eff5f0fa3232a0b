import { byId, make, say } from './kit/dom.js';
import { addTexts, refusalText, speak, text } from './kit/language.js';
import { follow } from './follow.js';
import { isPaid, linkTo, pspReason, showCancels, showOrder, showSteps, stepsOf } from './order-view.js';
import { TEXTS } from './texts.js';

/** The page looks by itself this long, less and less often: cancels may come at any time. */
const FOLLOWING_MS = 20 * 60_000;

const orderId = decodeURIComponent(location.pathname.split('/').at(-1));
let order;
let problem;
let hasStopped = false;

function detail() {
  if (problem !== undefined) return problem();
  if (order.status === 'FAILURE') {
    const isReversed = order.failure?.code === 'LATE_APPROVAL_REVERSED';
    return `${pspReason(order.failure)} ${isReversed ? '' : text('nothingCharged')}`.trim();
  }
  if (order.status === 'UNKNOWN' || order.status === 'EXECUTING') return text('pendingDetail');
  if (!isPaid(order)) return text('nothingCharged');
  if (order.isWalletDone) return text('settled');
  return text(order.status === 'SUCCESS' ? 'settling' : 'settlingCancel');
}

const KINDS = { FAILURE: 'bad', UNKNOWN: 'wait', EXECUTING: 'wait' };

function render() {
  document.title = `${text('orderTitle')} - ${text('brand')}`;
  if (order === undefined) {
    byId('headline').textContent = text(problem === undefined ? 'loading' : 'orderTitle');
    say(byId('detail'), problem === undefined ? '' : problem(), 'wait');
    return;
  }
  byId('headline').textContent = text(`headline_${order.status}`);
  say(byId('detail'), detail(), problem === undefined ? (KINDS[order.status] ?? '') : 'wait');
  showSteps(stepsOf(order));
  showOrder(order);
  showCancels(order);
  byId('actions').replaceChildren(
    ...(hasStopped
      ? [
          make('button', {
            type: 'button',
            textContent: text('checkAgain'),
            on: { click: () => void start() },
          }),
        ]
      : []),
    linkTo('/', 'toShop', 'button second'),
  );
}

async function start() {
  hasStopped = false;
  problem = undefined;
  let shown;
  const hasEnded = await follow(
    orderId,
    (answer) => {
      if (answer?.code === 200) order = answer.data;
      problem =
        answer === undefined
          ? () => text('reconnecting')
          : answer.code === 200
            ? undefined
            : () => refusalText(answer);
      // What has not changed is not drawn again: it would take the focus and the reader's place away.
      const now = JSON.stringify([order, problem?.()]);
      if (now !== shown) render();
      shown = now;
      return answer?.code === 404;
    },
    { durationMs: FOLLOWING_MS },
  );
  if (hasEnded) return;
  hasStopped = true;
  problem = () => text('stopped');
  render();
}

addTexts(TEXTS);
speak(render);
await start();
