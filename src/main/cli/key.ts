import { issueApiKey } from '../../../api/issue-api-key.ts';
import { apiKeyCreate } from '../../contract/api-keys.ts';
import { SCOPES } from '../../domain/tenant.ts';
import { found } from '../../persistence/find-by-reference.ts';
import { findTenantById } from '../../persistence/save-tenants.ts';
import { accepted } from './accepted.ts';
import { command, Unusable } from './command.ts';
import { facts } from './lines.ts';
import { locate } from './locate.ts';

const create = command({
  does: 'makes an API key for a tenant and shows it, this once',
  about: `Only a hash of the key is kept: put it where it is needed at once, and make another when it is lost.

Scopes: ${SCOPES.join(', ')}`,
  takes: [],
  flags: {
    tenant: ['<id>', 'whose key it is (ten_…)'],
    name: ['<name>', 'what it is for'],
    scopes: ['<a,b>', 'what it may do; everything, when absent'],
    'expires-at': ['<instant>', 'such as 2027-01-31T00:00:00Z; never, when absent'],
  },
  async run({ desk, given }) {
    if (given.tenant === undefined) throw new Unusable('Name the tenant: --tenant ten_…');
    const body = accepted(apiKeyCreate, {
      name: given.name,
      ...(given.scopes === undefined ? {} : { scopes: given.scopes.split(',').map((one) => one.trim()) }),
      ...(given['expires-at'] === undefined ? {} : { expires_at: given['expires-at'] }),
    });
    const { keyPepper: pepper } = await desk.secrets();
    const { id } = await locate(desk, 'tenant', given.tenant);
    const made = await desk.everywhere(async (tx) => {
      const { mode } = found(await findTenantById(tx, id), 'tenant');
      return issueApiKey(tx, { tenantId: id, mode, pepper }, body);
    });
    return {
      lines: [
        'The key is shown this once:',
        `  ${made.key}`,
        ...facts([
          ['id', made.id],
          ['tenant', id],
          ['scopes', made.scopes.join(', ')],
          ['expires', made.expires_at],
        ]),
      ],
      json: { tenant: id, api_key: made },
    };
  },
});

export const key = { create };
