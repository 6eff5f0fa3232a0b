import { byId, say } from './kit/dom.js';
import { addTexts, speak, text } from './kit/language.js';
import { linkTo, orderIdIn, orderPath, pspReason } from './order-view.js';
import { TEXTS } from './texts.js';

const CLOSED = ['PAY_PROCESS_CANCELED', 'USER_CANCEL'];

addTexts(TEXTS);
const query = new URLSearchParams(location.search);
const orderId = orderIdIn(query);
const code = (query.get('code') ?? '').slice(0, 60);

// What stands in the address was written by the payment window, or by anybody: it is shown as text, and cut.
speak(() => {
  document.title = `${text('failTitle')} - ${text('brand')}`;
  const isClosed = CLOSED.includes(code);
  say(byId('reason'), isClosed ? text('closed') : pspReason({ code, message: query.get('message') ?? '' }));
  byId('code').textContent = isClosed ? '' : code;
  byId('actions').replaceChildren(
    linkTo('/', 'tryAgain'),
    ...(orderId === null ? [] : [linkTo(orderPath(orderId), 'toOrder', 'button second')]),
  );
});
byId('headline').focus();
