import { createHash } from 'node:crypto';
import type { WindowRequest } from './window.rules';

const STYLE = `
:root {
  color-scheme: light dark;
  --ink: #191f28; --soft: #5a6472; --ground: #f2f4f6; --paper: #fff; --line: #7d8794; --blue: #1b64da;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #f2f4f6; --soft: #b0b8c1; --ground: #101318; --paper: #1c2027; --blue: #2b6fe0; }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; min-height: 100dvh;
  display: flex; flex-direction: column; align-items: center;
  background: var(--ground); color: var(--ink); word-break: keep-all; overflow-wrap: anywhere;
  font: 16px/1.5 system-ui, -apple-system, "Apple SD Gothic Neo", "Noto Sans KR",
    "Noto Sans CJK KR", sans-serif;
}
header {
  width: 100%; padding: 8px 20px; background: #ffe9a8; color: #4a3500; font-size: 14px; text-align: center;
}
main {
  width: 100%; max-width: 440px; flex: 1; display: flex; flex-direction: column; padding: 24px 20px;
  background: var(--paper);
}
@media (min-width: 480px) and (min-height: 560px) {
  main { flex: none; margin-top: 32px; border: 1px solid var(--line); border-radius: 16px; }
}
h1 { margin: 0 0 24px; font-size: 20px; }
dl { margin: 0 0 32px; }
dt { color: var(--soft); font-size: 14px; }
dd { margin: 0 0 16px; }
.amount { font-size: 30px; font-weight: 700; line-height: 1.3; }
.id { font-family: ui-monospace, monospace; font-size: 14px; }
form + form { margin-top: 12px; }
button {
  width: 100%; min-height: 52px; padding: 12px; border: 1px solid var(--line); border-radius: 12px;
  background: none; color: inherit; font: inherit; cursor: pointer;
}
button:focus-visible { outline: 3px solid var(--blue); outline-offset: 2px; }
.pay { border-color: var(--blue); background: var(--blue); color: #fff; font-size: 17px; font-weight: 700; }
ul { padding-left: 20px; }
`;

/** For the content security policy: exactly this style sheet and nothing else. */
export const STYLE_SOURCE = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** The payment window: order, amount, and three ways out. Needs no script. */
export function windowPage(asked: WindowRequest): string {
  const amount = asked.amount.toLocaleString('ko-KR');
  return page(
    '결제하기',
    `<h1>결제하기</h1>
<dl>
<dt>주문 상품</dt><dd>${escapeHtml(asked.orderName)}</dd>
<dt>결제 금액</dt><dd class="amount">${amount}원</dd>
<dt>결제 수단</dt><dd>신용카드 (일시불)</dd>
<dt>주문번호</dt><dd class="id">${escapeHtml(asked.orderId)}</dd>
</dl>
${form('/window/pay', asked, `<button class="pay">${amount}원 결제하기</button>`)}
${form('/window/decline', asked, '<button>거절 (카드 한도 초과)</button>')}
${form('/window/close', asked, '<button>닫기</button>')}`,
  );
}

/** The window was opened with parameters that do not fit. */
export function badRequestPage(issues: readonly { path: string; message: string }[]): string {
  const items = issues.map(({ path, message }) => `<li>${escapeHtml(path)}: ${escapeHtml(message)}</li>`);
  return page(
    '결제창을 열 수 없습니다',
    `<h1>결제창을 열 수 없습니다</h1>
<p>결제 요청 정보가 올바르지 않습니다. 결제는 이루어지지 않았습니다. 쇼핑몰로 돌아가 다시 시도해주세요.</p>
<ul lang="en">${items.join('')}</ul>`,
  );
}

function form(action: string, asked: WindowRequest, content: string): string {
  const fields = Object.entries(asked).map(
    ([name, value]) => `<input type="hidden" name="${name}" value="${escapeHtml(String(value))}">`,
  );
  return `<form method="post" action="${action}">${fields.join('')}${content}</form>`;
}

function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="ko">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} - 결제 시뮬레이터</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<header>결제 시뮬레이터입니다. 실제로 결제되지 않습니다.</header>
<main>
${content}
</main>
</body>
</html>
`;
}
