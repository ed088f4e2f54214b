import { openTenant } from '../../../api/routes/tenants.ts';
import { presentTenant, tenantCreate } from '../../contract/tenants.ts';
import { databaseNow } from '../../persistence/find-commands.ts';
import { findAccount, insertAccount } from '../../persistence/save-tenants.ts';
import { newId } from '../../platform/ids.ts';
import { createVault } from '../../platform/vault.ts';
import { accepted } from './accepted.ts';
import { command, Unusable } from './command.ts';
import { facts } from './lines.ts';

const create = command({
  does: 'opens a tenant, live or test, in an account of its own or in one that is there',
  about: `An account has at most one live and one test tenant. A test tenant is connected to the sandbox gateway. What is not
asked here has its default and is changed through the API.`,
  takes: [],
  flags: {
    name: ['<name>', 'what it is called'],
    mode: ['<live|test>', 'test is for trying things out: sandbox gateway, test clocks'],
    account: ['<id>', 'acc_…; a new account of the same name, when absent'],
    'time-zone': ['<zone>', 'such as Europe/Berlin; UTC, when absent'],
  },
  async run({ desk, given }) {
    const accountId = given.account ?? newId('acc');
    const body = accepted(tenantCreate, {
      account: accountId,
      name: given.name,
      mode: given.mode,
      ...(given['time-zone'] === undefined ? {} : { time_zone: given['time-zone'] }),
    });
    const vault = createVault((await desk.secrets()).masterKeys);
    const tenant = await desk.everywhere(async (tx) => {
      const now = await databaseNow(tx);
      const dates = { createdAt: now, updatedAt: now };
      if (given.account === undefined)
        await insertAccount(tx, { id: accountId, name: body.name, metadata: {}, ...dates });
      else if (!(await findAccount(tx, accountId)))
        throw new Unusable(`There is no account ${accountId}; leave --account out to open one.`);
      return openTenant(tx, vault, {
        id: newId('ten'),
        accountId,
        mode: body.mode,
        name: body.name,
        timeZone: body.time_zone,
        invoiceGraceHours: body.invoice_grace_hours,
        trialReminderDays: body.trial_reminder_days,
        backdateDaysMax: body.backdate_days_max,
        lateWindowDays: body.late_window_days,
        usageRetentionDays: body.usage_retention_days,
        dunningPolicy: null,
        metadata: {},
        ...dates,
      });
    });
    return {
      lines: [
        `${tenant.id} is open.`,
        ...facts([
          ['account', tenant.accountId],
          ['mode', tenant.mode],
          ['next', `npm run cli -- key create --tenant ${tenant.id} --name backend`],
        ]),
      ],
      json: { tenant: presentTenant(tenant) },
    };
  },
});

export const tenant = { create };
