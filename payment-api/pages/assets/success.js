import { byId, make, say } from './kit/dom.js';
import { addTexts, refusalText, speak, text } from './kit/language.js';
import { confirmPayment } from './confirm.js';
import { follow } from './follow.js';
import {
  isPaid,
  linkTo,
  orderIdIn,
  orderPath,
  pspReason,
  showOrder,
  showSteps,
  stepsOf,
} from './order-view.js';
import { TEXTS } from './texts.js';

/** Long enough for recovery to have looked twice; then the shopper is shown another way. */
const PENDING_MS = 3 * 60_000;
const SETTLING_MS = 3 * 60_000;

const query = new URLSearchParams(location.search);
const orderId = orderIdIn(query);
const [paymentKey, amount] = ['paymentKey', 'amount'].map((name) => query.get(name));

/**
 * What the page shows: `name` is one of confirming, pending, unclear, paid, failed; `detail` a function that says more;
 * `again` starts over, where that is a way forward.
 */
let view = { name: 'confirming', detail: () => text('confirmingDetail') };
let order;
/** Until the server has said that there is no such order. */
let hasOrderPage = orderId !== null;

const HEADLINES = {
  confirming: 'confirming',
  pending: 'pending',
  unclear: 'unclearTitle',
  paid: 'paid',
  failed: 'failTitle',
  unavailable: 'unavailableTitle',
  otherKey: 'otherKeyTitle',
};
const KINDS = { pending: 'wait', unclear: 'wait', unavailable: 'wait', failed: 'bad', otherKey: 'wait' };
const ENDED = ['failed', 'unavailable', 'otherKey', 'unclear'];

const steps = () => {
  if (order !== undefined && view.name === 'paid') return stepsOf(order);
  if (view.name === 'failed') return { paid: 'failed', settled: 'waiting' };
  const isRunning = view.name === 'confirming' || view.name === 'pending';
  return { paid: isRunning ? 'running' : 'waiting', settled: 'waiting' };
};

function actions() {
  const { name, again } = view;
  // Whoever is still to act on this page does that first.
  const isFirst = again === undefined && name !== 'failed';
  return [
    again === undefined
      ? undefined
      : make('button', {
          type: 'button',
          textContent: text(name === 'unavailable' ? 'retry' : 'checkAgain'),
          on: { click: again },
        }),
    name === 'failed' ? linkTo('/', 'tryAgain') : undefined,
    hasOrderPage && name !== 'confirming'
      ? linkTo(orderPath(orderId), 'toOrder', isFirst ? 'button' : 'button second')
      : undefined,
    name === 'paid' ? linkTo('/', 'toShop', 'button second') : undefined,
    name === 'unavailable' || name === 'unclear' ? linkTo('/', 'toShop', 'button second') : undefined,
  ].filter((action) => action !== undefined);
}

/** Buttons that stay the same are left alone: whoever has the focus on one keeps it. */
function showActions() {
  const fresh = actions();
  const outline = (elements) =>
    elements.map((element) => `${element.className} ${element.textContent}`).join('|');
  const shown = byId('actions');
  if (outline(fresh) !== outline([...shown.children])) shown.replaceChildren(...fresh);
}

function render() {
  const { name, detail } = view;
  byId('headline').textContent = text(HEADLINES[name]);
  document.title = `${text(HEADLINES[name])} - ${text('brand')}`;
  say(byId('detail'), detail(), KINDS[name] ?? '');
  showSteps(steps());
  showActions();
  if (order !== undefined && name !== 'failed') showOrder(order);
}

function show(next) {
  const isNew = next.name !== view.name;
  view = next;
  render();
  if (isNew && ENDED.includes(view.name)) byId('headline').focus();
}

/** @param why says it in the page's language */
const failed = (why) => show({ name: 'failed', detail: () => `${why()} ${text('nothingCharged')}` });

function showPaid() {
  const settled = order.isWalletDone;
  show({
    name: 'paid',
    detail: () => `${text(settled ? 'settled' : 'settling')} ${text('keepOrder')}`,
  });
}

/** Follows the order until it is settled, or has failed. */
async function followOrder({ isPending }) {
  const hasEnded = await follow(
    orderId,
    (answer) => {
      if (answer === undefined) {
        show({ ...view, detail: () => text('reconnecting') });
      } else if (answer.code === 200) {
        order = answer.data;
        if (order.status === 'FAILURE') {
          failed(() => pspReason(order.failure));
          return true;
        }
        if (isPaid(order)) {
          showPaid();
          return order.isWalletDone;
        }
        if (isPending) show({ name: 'pending', detail: () => text('pendingDetail') });
      } else if (answer.code === 404) {
        hasOrderPage = false;
        failed(() => refusalText(answer));
        return true;
      }
      return false;
    },
    { durationMs: isPending ? PENDING_MS : SETTLING_MS },
  );
  if (hasEnded || view.name === 'paid') return;
  show({
    name: 'pending',
    detail: () => text('pendingLong'),
    again: () => void start(),
  });
}

/** What the confirm's last answer means for the shopper. */
async function conclude(answer) {
  const again = () => void start();
  if (answer === undefined) return show({ name: 'unclear', detail: () => text('unclearDetail'), again });
  switch (answer.errorCode) {
    case undefined:
      return followOrder({ isPending: false });
    case 'PEC0007':
      show({ name: 'pending', detail: () => text('pendingDetail') });
      return followOrder({ isPending: true });
    case 'PEC0004': {
      const psp = answer.data?.psp;
      return failed(() => (psp === undefined ? refusalText(answer) : pspReason(psp)));
    }
    case 'PEC0006':
      return show({ name: 'otherKey', detail: () => text('otherKeyDetail') });
    case 'PEC0014':
      return show({
        name: 'unavailable',
        detail: () => `${refusalText(answer)} ${text('nothingCharged')}`,
        again,
      });
    case 'PEC0005':
    case 'PEC0010':
    case 'PEC9999':
      return show({ name: 'unclear', detail: () => refusalText(answer), again });
    default:
      if (answer.errorCode === 'PEC0003') hasOrderPage = false;
      return failed(() => refusalText(answer));
  }
}

async function start() {
  show({ name: 'confirming', detail: () => text('confirmingDetail') });
  byId('headline').focus();
  const answer = await confirmPayment({ paymentKey, orderId, amount }, (name) =>
    show({ name: 'confirming', detail: () => text(name) }),
  );
  await conclude(answer);
}

addTexts(TEXTS);
speak(render);
if (paymentKey === null || orderId === null || amount === null) failed(() => text('badLink'));
else await start();
