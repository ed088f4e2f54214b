import { readFileSync } from 'node:fs';

/** One worked example of the design. What `inputs` and `expected` hold differs from case to case. */
export type GoldenCase = {
  id: string;
  area: string;
  title: string;
  followed: boolean;
  inputs: Record<string, unknown>;
  expected: Record<string, unknown>;
};

const file: { cases: GoldenCase[] } = JSON.parse(
  readFileSync(new URL('./cases.json', import.meta.url), 'utf8'),
);

/** Every case of the file, whether its rule is ours or not. */
export function allCases(): readonly GoldenCase[] {
  return file.cases;
}

/** The cases whose rule is ours, of one area (the letter their ids begin with). */
export function followedCases(area: string): GoldenCase[] {
  return file.cases.filter((example) => example.followed && example.id.startsWith(area));
}

/** The case with this id; its fields are read by the shape the test names. */
export function goldenCase<Inputs, Expected>(
  id: string,
): { title: string; inputs: Inputs; expected: Expected } {
  const found = file.cases.find((example) => example.id === id);
  if (found === undefined) throw new Error(`no golden case ${id}`);
  return { title: found.title, inputs: found.inputs as Inputs, expected: found.expected as Expected };
}
