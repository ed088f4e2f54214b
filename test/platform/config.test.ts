import { randomBytes } from 'node:crypto';
import { readEnv, toConfig, type Variables } from '../../src/platform/config.ts';

const COMPLETE: Variables = {
  DATABASE_URL: 'postgres://perennial_login:p@db:5432/perennial',
  DATABASE_OWNER_URL: 'postgres://owner:p@db:5432/perennial',
  TEMPORAL_ADDRESS: 'temporal:7233',
  PERENNIAL_OPERATOR_KEY: 'operator-key-of-some-length',
  PERENNIAL_KEY_PEPPER: 'pepper-that-is-long-enough',
  PERENNIAL_MASTER_KEY: randomBytes(32).toString('base64'),
};
const configOf = (changes: Variables) => toConfig(readEnv({ ...COMPLETE, ...changes }));

describe('the environment', () => {
  it('makes a complete configuration with few variables', () => {
    const config = configOf({});
    expect(config.database).toEqual({
      url: COMPLETE.DATABASE_URL,
      ownerUrl: COMPLETE.DATABASE_OWNER_URL,
      assumeLoginRole: false,
      poolSize: 10,
    });
    expect(config.temporal).toEqual({
      address: 'temporal:7233',
      namespace: 'default',
      apiKey: null,
      tls: false,
      uiUrl: null,
    });
    expect(config.http).toMatchObject({ host: '127.0.0.1', port: 3000, publicUrl: 'http://127.0.0.1:3000' });
    expect(config.webhookAllow).toEqual([]);
    expect(config.logLevel).toBe('info');
  });

  it('names every missing variable and its remedy at once', () => {
    expect(() => toConfig(readEnv({ DATABASE_URL: COMPLETE.DATABASE_URL }))).toThrow(
      /TEMPORAL_ADDRESS: set it to host:port.*\n.*PERENNIAL_OPERATOR_KEY: .*\n.*PERENNIAL_KEY_PEPPER: .*\n.*PERENNIAL_MASTER_KEY: /,
    );
  });

  it('takes an empty value for an absent one', () => {
    expect(() => configOf({ TEMPORAL_ADDRESS: ' ' })).toThrow(/TEMPORAL_ADDRESS/);
    expect(configOf({ PORT: '' }).http.port).toBe(3000);
  });

  it.each([
    ['PORT', 'http', /PORT: must be a port number/],
    ['PORT', '70000', /PORT: /],
    [
      'DATABASE_URL',
      'mysql://db/x',
      /DATABASE_URL: must be a URL that starts with postgres:\/\/ or postgresql:\/\//,
    ],
    ['TEMPORAL_ADDRESS', 'http://temporal:7233', /TEMPORAL_ADDRESS: must be host:port/],
    ['TEMPORAL_TLS', 'perhaps', /TEMPORAL_TLS: must be true or false/],
    [
      'PERENNIAL_MASTER_KEY',
      'c2hvcnQ=',
      /PERENNIAL_MASTER_KEY: must be 32 bytes in base64 .*openssl rand -base64 32/,
    ],
    [
      'PERENNIAL_WEBHOOK_ALLOW',
      '127.0.0.1/8,localhost',
      /PERENNIAL_WEBHOOK_ALLOW: "localhost" is not a CIDR range/,
    ],
    ['PERENNIAL_OPERATOR_KEY', 'short', /PERENNIAL_OPERATOR_KEY: must have at least 20 characters/],
    ['LOG_LEVEL', 'loud', /LOG_LEVEL: /],
    ['RATE_LIMIT_PER_MINUTE', '0', /RATE_LIMIT_PER_MINUTE: /],
    [
      'CRASH_AT',
      'step.beforeCommit',
      /CRASH_AT: must be the name of a crash point and the passage to die at/,
    ],
  ])('refuses %s=%s in a sentence that names it', (name, value, message) => {
    expect(() => configOf({ [name]: value })).toThrow(message);
  });

  it('takes a crash point, and never in production', () => {
    expect(configOf({}).crashAt).toBeNull();
    expect(configOf({ CRASH_AT: 'step.beforeCommit:2' }).crashAt).toEqual({
      name: 'step.beforeCommit',
      passage: 2,
    });
    expect(() => configOf({ CRASH_AT: 'step.beforeCommit:2', NODE_ENV: 'production' })).toThrow(
      /CRASH_AT is set and NODE_ENV is production: this process would kill itself .* Unset CRASH_AT\./,
    );
  });

  it('never repeats the value of a secret in a refusal', () => {
    try {
      configOf({ PERENNIAL_MASTER_KEY: 'dG9wLXNlY3JldA==', DATABASE_URL: 'mysql://user:hunter2@db/x' });
      throw new Error('it was accepted');
    } catch (error) {
      expect(String(error)).toContain('PERENNIAL_MASTER_KEY');
      expect(String(error)).not.toMatch(/dG9wLXNlY3JldA|hunter2/);
    }
  });

  it('reads several master keys, the current one first', () => {
    const [current, former] = [randomBytes(32), randomBytes(32)];
    const keys = `${current.toString('base64')}, ${former.toString('base64')}`;
    expect(configOf({ PERENNIAL_MASTER_KEY: keys }).secrets.masterKeys).toEqual([current, former]);
  });

  it('uses TLS with an API key of Temporal Cloud unless told otherwise', () => {
    expect(configOf({ TEMPORAL_API_KEY: 'k' }).temporal.tls).toBe(true);
    expect(configOf({ TEMPORAL_API_KEY: 'k', TEMPORAL_TLS: 'false' }).temporal.tls).toBe(false);
  });

  it('tells the owner from the login role', () => {
    expect(configOf({ DATABASE_OWNER_URL: undefined }).database).toMatchObject({
      ownerUrl: COMPLETE.DATABASE_URL,
      assumeLoginRole: true,
    });
  });

  it('gives a public URL that can be opened, also when listening on every interface', () => {
    expect(configOf({ HOST: '0.0.0.0', PORT: '8080' }).http.publicUrl).toBe('http://127.0.0.1:8080');
    expect(configOf({ HOST: '::1' }).http.publicUrl).toBe('http://[::1]:3000');
    expect(configOf({ PERENNIAL_PUBLIC_URL: 'https://billing.example/' }).http.publicUrl).toBe(
      'https://billing.example',
    );
  });
});
