import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createAddressFilter } from '../../src/platform/address-filter.ts';
import {
  ANSWER_BYTES_MAX,
  checkUrl,
  createSafeSender,
  type SafeSender,
} from '../../src/platform/safe-fetch.ts';

const PRIVATE = [
  '0.0.0.0',
  '10.0.0.1',
  '100.64.0.1',
  '100.100.100.200',
  '127.0.0.1',
  '168.63.129.16',
  '169.254.169.254',
  '172.16.0.1',
  '192.0.0.192',
  '192.168.1.1',
  '198.18.0.1',
  '203.0.113.5',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::a00:1',
  '::ffff:0:a00:1',
  '4000::1',
  '::ffff:127.0.0.1',
  '::ffff:169.254.169.254',
  '64:ff9b::7f00:1',
  '64:ff9b:1::a00:1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fec0::1',
  'ff02::1',
];

describe('the address filter', () => {
  const strict = createAddressFilter([]);

  test.each(PRIVATE)('refuses %s', (address) => {
    expect(strict.isReachable(address)).toBe(false);
  });

  test.each(['8.8.8.8', '1.1.1.1', '2606:4700::1111', '::ffff:8.8.8.8'])('lets %s pass', (address) => {
    expect(strict.isReachable(address)).toBe(true);
  });

  test('lets listed ranges pass, and nothing beside them', () => {
    const filter = createAddressFilter(['127.0.0.0/8', 'fd00::/8']);
    expect([filter.isReachable('127.9.9.9'), filter.isReachable('fd12::1')]).toEqual([true, true]);
    expect([filter.isReachable('10.0.0.1'), filter.isReachable('::1')]).toEqual([false, false]);
  });

  test.each(['', 'localhost', '999.1.1.1'])('refuses %j, which is no address', (text) => {
    expect(strict.isReachable(text)).toBe(false);
  });
});

describe('checking a URL', () => {
  const answers: Record<string, string[]> = {
    'public.example': ['8.8.8.8'],
    'private.example': ['10.0.0.1'],
    'mixed.example': ['8.8.8.8', '127.0.0.1'],
    'empty.example': [],
  };
  const options = { allow: [], resolve: async (host: string) => answers[host] ?? [] };

  test.each(['https://public.example/hooks', 'https://public.example:8443/', 'https://8.8.8.8/'])(
    'allows %s',
    async (url) => {
      expect(await checkUrl(url, options)).toEqual({ allowed: true });
    },
  );

  test.each([
    ['http', 'http://public.example/', /https/],
    ['another protocol', 'ftp://public.example/', /https/],
    ['a file', 'file:///etc/passwd', /https/],
    ['no URL', 'not a url', /not a URL/],
    ['a user name', 'https://me:secret@public.example/', /user name/],
    ['a name with a private address', 'https://private.example/', /not public/],
    ['a name with one private address among others', 'https://mixed.example/', /not public/],
    ['a name without address', 'https://empty.example/', /no address/],
    ['loopback', 'https://127.0.0.1/', /not public/],
    ['loopback in hexadecimal', 'https://0x7f.1/', /not public/],
    ['loopback as one number', 'https://2130706433/', /not public/],
    ['loopback in octal', 'https://0177.0.0.1/', /not public/],
    ['IPv6 loopback', 'https://[::1]/', /not public/],
    ['mapped loopback', 'https://[::ffff:127.0.0.1]/', /not public/],
    ['metadata', 'https://169.254.169.254/latest/meta-data', /not public/],
    ['a very long URL', `https://public.example/${'a'.repeat(2_100)}`, /longer/],
  ])('refuses %s', async (_, url, reason) => {
    expect(await checkUrl(url, options)).toEqual({ allowed: false, reason: expect.stringMatching(reason) });
  });

  test('localhost is refused through the real resolver', async () => {
    expect(await checkUrl('https://localhost/', { allow: [] })).toMatchObject({ allowed: false });
  });
});

describe('sending', () => {
  let server: Server;
  let url: string;
  let answer: RequestListener = (_, response) => response.end();
  let hits = 0;
  let sender: SafeSender;
  /** For receivers that never come to an end; long enough for those that begin to answer. */
  let impatient: SafeSender;

  beforeAll(async () => {
    server = createServer((request, response) => {
      hits += 1;
      answer(request, response);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
    sender = createSafeSender({ allow: ['127.0.0.0/8'], timeoutMs: 60_000 });
    impatient = createSafeSender({ allow: ['127.0.0.0/8'], timeoutMs: 3_000 });
  });
  afterEach(() => {
    hits = 0;
  });
  afterAll(async () => {
    await sender[Symbol.asyncDispose]();
    await impatient[Symbol.asyncDispose]();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });

  const post = (to = url, by = sender) => by.post(to, { 'content-type': 'application/json' }, '{}');

  test('answers status and the beginning of the body', async () => {
    answer = (_, response) => response.writeHead(201).end('thank you');
    expect(await post()).toEqual({ status: 201, error: null, retryAfter: null, excerpt: 'thank you' });
  });

  test('keeps 1 KB, also of bytes that are no text', async () => {
    answer = (_, response) => response.end(Buffer.alloc(5_000, 0));
    expect((await post()).excerpt).toBe('\uFFFD'.repeat(1_024));
  });

  test('does not follow a redirect', async () => {
    answer = (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
    expect(await post()).toMatchObject({ status: 302, error: null });
    expect(hits).toBe(1);
  });

  test('reads at most 64 KB of an endless body', async () => {
    let sent = 0;
    answer = (_, response) => {
      const chunk = Buffer.alloc(16 * 1024, 97);
      const more = () => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
        sent += chunk.length;
      };
      response.on('drain', more).on('error', () => undefined);
      more();
    };
    expect(await post()).toMatchObject({ status: 200, error: null });
    expect(sent).toBeLessThan(ANSWER_BYTES_MAX * 100);
  });

  test('a body that trickles ends with the timeout', async () => {
    answer = (_, response) => {
      const drip = setInterval(() => response.write('.'), 50);
      response.on('close', () => clearInterval(drip));
    };
    expect(await post(url, impatient)).toMatchObject({
      status: 200,
      error: 'No complete answer within 3 s.',
    });
  });

  test('a receiver that never answers ends with the timeout', async () => {
    answer = () => undefined;
    expect(await post(url, impatient)).toMatchObject({
      status: null,
      error: 'No complete answer within 3 s.',
    });
  });

  test('a connection that is cut or refused is an error with a sentence', async () => {
    answer = (request) => request.socket.destroy();
    expect(await post()).toMatchObject({ status: null, error: expect.stringMatching(/closed/) });
    expect(await post('http://127.0.0.1:1/')).toMatchObject({ error: 'The connection was refused.' });
  });

  test('a stop from outside interrupts', async () => {
    answer = () => undefined;
    const sent = sender.post(url, {}, '{}', AbortSignal.timeout(50));
    expect(await sent).toMatchObject({ status: null, error: 'The attempt was interrupted.' });
  });

  test('a literal private address is refused at the attempt, before any connection', async () => {
    await using strict = createSafeSender({ allow: [] });
    expect(await strict.post(url, {}, '{}')).toMatchObject({
      status: null,
      error: expect.stringMatching(/https/),
    });
    expect(await strict.post(url.replace('http:', 'https:'), {}, '{}')).toMatchObject({
      error: expect.stringMatching(/not public/),
    });
    expect(hits).toBe(0);
  });

  test('a name that turned private after registration is refused at the attempt', async () => {
    let addresses = ['8.8.8.8'];
    const options = { allow: [], resolve: async () => addresses };
    await using strict = createSafeSender(options);
    const named = url.replace('http://127.0.0.1', 'https://rebind.example');
    expect(await checkUrl(named, options)).toEqual({ allowed: true });
    addresses = ['127.0.0.1'];
    expect(await strict.post(named, {}, '{}')).toMatchObject({ error: expect.stringMatching(/not public/) });
    expect(hits).toBe(0);
  });
});
