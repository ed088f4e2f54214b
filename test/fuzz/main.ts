import { parseArgs } from 'node:util';
import { runModel } from './model.ts';
import { PLANTS } from './plants.ts';

/**
 * `npm run fuzz -- --model N` compares N random lives with the naive model, `--live N` with the real stack. `--seed S`
 * begins elsewhere, `--plant <rule>` plants an error into the engine, `--plants` lists them, `--json` ends with one line
 * for machines. Exit code 1 when something differs.
 */

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    live: { type: 'string' },
    seed: { type: 'string' },
    plant: { type: 'string' },
    plants: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

/** Each takes a while to be made small, and this many are enough to read. */
const DIFFERENCES_MAX = 20;
const count = (text: string, name: string): number => {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new RangeError(`--${name} takes a whole number from 1`);
};
const say = (text: string) => console.log(text);
const conclude = (fuzz: string, runs: number, differences: number) => {
  if (values.json) say(JSON.stringify({ fuzz, runs, differences }));
  if (differences > 0) process.exitCode = 1;
};

if (values.plants) for (const { name, says } of PLANTS) say(`${name.padEnd(28)} ${says}`);
const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : count(values.seed, 'seed');
const plant = values.plant ?? null;
if (plant !== null && !PLANTS.some(({ name }) => name === plant))
  throw new RangeError(`there is no plant "${plant}"; --plants lists them`);

if (values.model !== undefined) {
  say(`seeds from ${seed}${plant ? `, with ${plant} planted` : ''}`);
  const runs = count(values.model, 'model');
  const report = await runModel({
    runs,
    seed,
    plant,
    differencesMax: plant === null ? DIFFERENCES_MAX : 1,
    say,
  });
  conclude('model', report.runs, report.differences.length);
}
if (values.live !== undefined) {
  const { runLive } = await import('./live.ts');
  const report = await runLive({ runs: count(values.live, 'live'), seed, say });
  conclude('live', report.runs, report.differences);
}
if (values.model === undefined && values.live === undefined && !values.plants)
  say('Say what to compare: --model N, --live N, or --plants.');
