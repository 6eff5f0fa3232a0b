// What the pages say, in Korean and in English. The browser's language decides; Korean is the default.
const TEXTS = {
  ko: {
    shopTitle: '상품 주문',
    chooseProducts: '구매할 상품을 선택하세요',
    seller: '판매자 {0}',
    total: '결제 금액',
    pay: '결제하기',
    payAmount: '{0} 결제하기',
    chooseOne: '상품을 하나 이상 선택하세요.',
    loadFailed: '상품을 불러오지 못했습니다. 잠시 후 새로고침해 주세요.',
    orderFailed: '주문하지 못했습니다. 결제된 금액은 없습니다.',
    opening: '결제창을 여는 중입니다…',
    successTitle: '결제 결과',
    confirming: '결제를 승인하고 있습니다',
    paid: '결제가 완료되었습니다',
    pending: '결제 결과를 확인하고 있습니다',
    pendingDetail: '이 화면을 닫아도 됩니다. 결과가 나오면 여기에 표시됩니다. 다시 결제하지 마세요.',
    stepPaid: '결제 승인',
    stepSettled: '판매자 정산',
    progress: '진행 상황',
    settled: '판매자에게 정산되었습니다.',
    settling: '판매자에게 정산하고 있습니다…',
    orderName: '주문',
    orderId: '주문 번호',
    backToShop: '상품 목록으로',
    failTitle: '결제하지 못했습니다',
    nothingCharged: '결제된 금액은 없습니다.',
    tryAgain: '다시 주문하기',
    closed: '결제창을 닫았습니다.',
    badLink: '주소가 올바르지 않습니다.',
    offline: '연결이 끊겼습니다. 다시 연결하고 있습니다…',
  },
  en: {
    shopTitle: 'Order products',
    chooseProducts: 'Choose what to buy',
    seller: 'Seller {0}',
    total: 'Amount',
    pay: 'Pay',
    payAmount: 'Pay {0}',
    chooseOne: 'Choose at least one product.',
    loadFailed: 'The products could not be loaded. Please reload in a moment.',
    orderFailed: 'The order could not be placed. Nothing was charged.',
    opening: 'Opening the payment window…',
    successTitle: 'Payment result',
    confirming: 'Your payment is being confirmed',
    paid: 'Your payment is complete',
    pending: 'Your payment is being checked',
    pendingDetail: 'You may close this page. The result will appear here. Please do not pay again.',
    stepPaid: 'Payment approved',
    stepSettled: 'Sellers credited',
    progress: 'Progress',
    settled: 'The sellers have been credited.',
    settling: 'The sellers are being credited…',
    orderName: 'Order',
    orderId: 'Order number',
    backToShop: 'Back to the products',
    failTitle: 'The payment did not go through',
    nothingCharged: 'Nothing was charged.',
    tryAgain: 'Order again',
    closed: 'The payment window was closed.',
    badLink: 'This address is not valid.',
    offline: 'The connection was lost. Reconnecting…',
  },
};

export const language = navigator.languages.some((tag) => tag.startsWith('ko'))
  ? 'ko'
  : navigator.language.startsWith('en')
    ? 'en'
    : 'ko';

/** A text of the page's language; {0} is replaced. */
export const text = (name, value = '') => TEXTS[language][name].replace('{0}', value);

/** Whole won as people read them: 6,000원 or ₩6,000. */
export const won = (amount) =>
  language === 'ko' ? `${amount.toLocaleString('ko-KR')}원` : `₩${amount.toLocaleString('en-US')}`;

/** Puts the page's language into everything that names a text. */
export function translate() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll('[data-text]'))
    element.textContent = text(element.dataset.text);
  for (const element of document.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', text(element.dataset.label));
  }
}
