import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { validate } from '../../api/validate.ts';
import { PLAIN_TENANT } from '../contract/read-simulation.ts';
import { runSimulation } from '../contract/run-simulation.ts';
import { type SimulationBody, simulationCreate } from '../contract/simulations.ts';
import { isDomainError } from '../domain/errors.ts';
import { messageOf } from './settings.ts';
import { tellSimulation } from './simulate/tell.ts';

const HELP = `npm run simulate -- <file.json> [--json]

Shows years of a subscription's future: every invoice with its lines and how they came about, every state with its dates
and what is due next. The file holds the body of POST /v1/simulations; plans are given in its catalogue. Nothing is
stored and nothing has to run.

  --json   the answer as the API gives it
  --help   this text

Examples are in docs/examples/simulations.
Exit code: 0 it was simulated, 1 the file says something that cannot be, 2 it cannot be read.
`;

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  const [file, ...more] = positionals;
  if (values.help) console.log(HELP);
  else if (file === undefined || more.length > 0) throw new Error(`Name one file.\n\n${HELP}`);
  else process.exitCode = show(JSON.parse(readFileSync(file, 'utf8')), values.json === true);
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 2;
}

function show(file: unknown, asJson: boolean): number {
  try {
    const body = validate(simulationCreate, file) as SimulationBody;
    const timeZone = body.customer.time_zone ?? PLAIN_TENANT.timeZone;
    const answer = runSimulation(body, () => null, PLAIN_TENANT);
    console.log(asJson ? JSON.stringify(answer) : tellSimulation(answer, timeZone).join('\n'));
    return 0;
  } catch (error) {
    if (!isDomainError(error)) throw error;
    const { errors = [] } = error.details;
    if (errors.length === 0) console.error(error.message);
    for (const { path, message } of errors) console.error(`${path}: ${message}`);
    return 1;
  }
}
