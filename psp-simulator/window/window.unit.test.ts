import { escapeHtml } from './window.page';
import { formTargets, isReturnUrl, withParameters } from './window.rules';

const allowed = ['https://shop.example'];

describe('return addresses', () => {
  it.each([
    'http://localhost:8080/success',
    'http://127.0.0.1:8080/success?a=b',
    'http://127.1.2.3/',
    'http://[::1]:8080/',
    'http://pay.localhost/',
    'https://shop.example/success',
  ])('When the shopper would return to %s, then that is allowed', (url) => {
    expect(isReturnUrl(url, allowed)).toBe(true);
  });

  it.each([
    'https://evil.example/',
    'http://shop.example/',
    'https://shop.example:8443/',
    'https://shop.example@evil.example/',
    'http://user:secret@localhost/',
    'http://localhost.evil.example/',
    'http://127.0.0.1.evil.example/',
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    '//localhost/',
    '/success',
    '',
  ])('When the shopper would return to "%s", then that is refused', (url) => {
    expect(isReturnUrl(url, allowed)).toBe(false);
  });

  it('When an address has parameters, then they stay, and ours are encoded', () => {
    const url = withParameters('http://localhost:8080/fail?shop=1#top', {
      code: 'A',
      message: '결제 & 취소',
    });
    expect(new URL(url).searchParams.get('shop')).toBe('1');
    expect(new URL(url).searchParams.get('message')).toBe('결제 & 취소');
    expect(url).not.toContain('& ');
  });

  it('When forms may lead to an IPv6 host, then the policy names its scheme', () => {
    const to = (successUrl: string, failUrl: string) => formTargets({ successUrl, failUrl });
    expect(to('http://localhost:8080/a', 'http://localhost:8080/b')).toBe("'self' http://localhost:8080");
    expect(to('http://[::1]:8080/', 'https://shop.example/')).toBe("'self' http: https://shop.example");
  });
});

describe('escaping', () => {
  it('When text holds what HTML means something by, then it is only text', () => {
    expect(escapeHtml(`<b title="x" id='y'>&`)).toBe('&lt;b title=&quot;x&quot; id=&#39;y&#39;&gt;&amp;');
  });
});
