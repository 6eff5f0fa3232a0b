import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { JsonPoster } from './connection';

async function serve(answer: (body: string, path: string) => [number, string]): Promise<Server> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const [status, body] = answer(Buffer.concat(parts).toString('utf8'), request.url ?? '');
      response.writeHead(status, { 'content-length': Buffer.byteLength(body) }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

describe('the load generator’s HTTP', () => {
  it('When many requests are sent at once, then each gets its own answer, and connections are used again', async () => {
    let connections = 0;
    const server = await serve((body, path) => [201, `${path} 상품 ${body} ${'x'.repeat(100_000)}`]);
    server.on('connection', () => (connections += 1));
    const poster = new JsonPoster(urlOf(server));
    for (let round = 0; round < 3; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, index) => poster.post(`/${index}`, `"가${index}"`)),
      );
      for (const [index, { status, body }] of answers.entries()) {
        expect(status).toBe(201);
        expect(body.startsWith(`/${index} 상품 "가${index}" x`)).toBe(true);
        expect(body.endsWith('x')).toBe(true);
      }
    }
    expect(connections).toBe(8);
    poster.close();
    server.close();
  });

  it('When one client posts twice while others post, then both go over one connection', async () => {
    const server = await serve(() => [200, '']);
    const ports: Record<string, number | undefined> = {};
    server.prependListener('request', ({ url, socket }) => (ports[url ?? ''] = socket.remotePort));
    const poster = new JsonPoster(urlOf(server));
    await poster.withConnection(async (post) => {
      await post('/first', '{}');
      await poster.post('/other', '{}');
      await post('/second', '{}');
    });
    expect(ports['/second']).toBe(ports['/first']);
    expect(ports['/other']).not.toBe(ports['/first']);
    poster.close();
    server.close();
  });

  it('When no server listens, then the answer has status 0 and the reason', async () => {
    const server = await serve(() => [200, '']);
    const url = urlOf(server);
    await new Promise((resolve) => server.close(resolve));
    expect(await new JsonPoster(url).post('/', '{}')).toEqual({
      status: 0,
      body: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('When the connection is cut before the answer, then the answer has status 0', async () => {
    const server = await serve(() => [200, '']);
    server.prependListener('request', (request) => request.socket.destroy());
    const poster = new JsonPoster(urlOf(server));
    expect((await poster.post('/', '{}')).status).toBe(0);
    server.close();
  });
});
