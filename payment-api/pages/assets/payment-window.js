import { call } from './kit/api.js';

const TOSS_SDK = 'https://js.tosspayments.com/v2/standard';

/** How the window is opened: `{kind: 'toss', clientKey}` or `{kind: 'simulator', url}`. @throws when nobody says */
export async function paymentWindow() {
  const { code, message, data } = await call('GET', '/api/payment-window');
  if (code !== 200) throw new Error(message);
  return data;
}

function loadTossSdk() {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    Object.assign(script, { src: TOSS_SDK, onload: () => resolve(globalThis.TossPayments), onerror: reject });
    document.head.append(script);
  });
}

/** Opens the payment window: Toss's SDK, or the simulator's page. Either comes back to /success or /fail. */
export async function openPaymentWindow({ orderId, amount, orderName }) {
  const opened = await paymentWindow();
  const successUrl = `${location.origin}/success`;
  const failUrl = `${location.origin}/fail`;
  if (opened.kind === 'toss') {
    const TossPayments = await loadTossSdk();
    const payment = TossPayments(opened.clientKey).payment({ customerKey: TossPayments.ANONYMOUS });
    await payment.requestPayment({
      method: 'CARD',
      amount: { currency: 'KRW', value: amount },
      orderId,
      orderName,
      successUrl,
      failUrl,
    });
    return;
  }
  const parameters = new URLSearchParams({ orderId, amount, orderName, successUrl, failUrl });
  location.assign(`${opened.url}?${parameters}`);
}
