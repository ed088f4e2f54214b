import { createLogger } from '../../src/platform/logger.ts';

function logged(write: (logger: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  write(createLogger({ logLevel: 'debug' }, { write: (line) => lines.push(line) }));
  return lines.join('');
}

describe('the log', () => {
  it('is JSON lines with level names and RFC 3339 times', () => {
    const line = JSON.parse(logged((logger) => logger.info({ subscriptionId: 'sub_1' }, 'closed a period')));
    expect(line).toMatchObject({ level: 'info', subscriptionId: 'sub_1', msg: 'closed a period' });
    expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('keeps secrets out, wherever their names stand', () => {
    const text = logged((logger) => {
      logger.info({
        req: { headers: { authorization: 'Bearer hunter2', 'webhook-signature': 'v1,hunter2' } },
      });
      logger.info({ apiKey: 'hunter2', endpoint: { secret: 'hunter2' }, password: 'hunter2' });
      logger.child({ operator_key: 'hunter2' }).info('bound');
    });
    expect(text).not.toContain('hunter2');
    expect(text.match(/\[redacted\]/g)).toHaveLength(6);
  });

  it('keeps out what vendors hang on their errors, and passwords inside URLs', () => {
    const cause = new Error('connect postgres://login:hunter2@db/perennial failed');
    const err = Object.assign(new Error('query failed', { cause }), {
      code: '23505',
      parameters: ['hunter2'],
      query: 'x',
    });
    const text = logged((logger) => logger.error({ err }, 'no'));
    expect(text).not.toContain('hunter2');
    expect(JSON.parse(text).err).toMatchObject({
      type: 'Error',
      message: 'query failed',
      code: '23505',
      cause: { message: 'connect postgres://login:[redacted]@db/perennial failed' },
    });
  });
});
