import { z } from 'zod';
import { DomainError, type FieldError } from '../src/domain/errors.ts';

/** The value as its schema makes it. Throws `validation_failed` with every field that is wrong. */
export function validate(schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.flatMap((issue) => fieldErrors(issue, value, schema)));
}

/** So many fields are named; the rest is counted, so that nobody is answered at greater length than he asked. */
const ERRORS_MAX = 100;

/** A refusal that names fields, for checks that need the database. */
export function invalid(errors: FieldError[]): DomainError {
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const detail = first
    ? `${first.path === '' ? '' : `${first.path}: `}${first.message}${more}`
    : 'Some fields cannot be used.';
  return new DomainError('validation_failed', detail, { errors: errors.slice(0, ERRORS_MAX) });
}

function fieldErrors(issue: z.core.$ZodIssue, value: unknown, schema?: z.ZodType): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: pathText([...issue.path, key]),
      code: 'unknown_field',
      message: unknownField(key, issue.path.length === 0 ? namesIn(schema) : []),
    }));
  }
  const within = issue.code === 'invalid_union' && !isSpoken(issue) ? meantBranch(issue) : null;
  if (within)
    return within.flatMap((inner) => fieldErrors({ ...inner, path: [...issue.path, ...inner.path] }, value));
  // A record's key that breaks a rule: the reason is one level deeper.
  if (issue.code === 'invalid_key') {
    return [
      { path: pathText(issue.path), code: 'key_invalid', message: issue.issues[0]?.message ?? issue.message },
    ];
  }
  const missing = valueAt(value, issue.path) === undefined && issue.code !== 'custom';
  return [
    {
      path: pathText(issue.path),
      code: missing ? 'required' : codeOf(issue),
      message: messageOf(issue, missing),
    },
  ];
}

const namesIn = (schema?: z.ZodType) => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : []);

/** What is nearly called so is named: `group_by` for `group_by[]`, `customer_id` for `customer`, `created_at` for `created_at[gte]`. */
function unknownField(key: string, names: readonly string[]): string {
  const meant = names.find(
    (name) => name === `${key}[]` || key === `${name}_id` || name.startsWith(`${key}[`),
  );
  return meant === undefined
    ? 'There is no such field here; take it out, or look how it is spelled.'
    : `There is no such field here; write it as "${meant}".`;
}

/** Of alternatives the one that the value looks like: whose first complaint is not that it is something else. */
function meantBranch(issue: z.core.$ZodIssueInvalidUnion): z.core.$ZodIssue[] | null {
  const branches = issue.errors.filter((branch) => branch.length > 0);
  return (
    branches.find((branch) => !branch.some(isAnotherKind)) ??
    branches.find((branch) => branch.every(({ path }) => path.length > 0)) ??
    null
  );
}

function isAnotherKind({ code, path }: z.core.$ZodIssue): boolean {
  return code === 'invalid_union' || (path.length === 0 && code !== 'custom');
}

const CODES: Partial<Record<z.core.$ZodIssue['code'], string>> = {
  invalid_type: 'type_invalid',
  invalid_format: 'format_invalid',
  invalid_value: 'not_one_of',
  too_small: 'too_small',
  too_big: 'too_big',
  invalid_union: 'type_invalid',
};

function codeOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'custom')
    return typeof issue.params?.['code'] === 'string' ? issue.params['code'] : 'invalid';
  // What tells alternatives apart says something that none of them is called.
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) return 'not_one_of';
  return CODES[issue.code] ?? 'invalid';
}

const isSpoken = ({ message }: z.core.$ZodIssue) => !/^(Invalid|Too|Unrecognized)/.test(message);

/** Schemas bring their own sentences; where one has none, the library's phrase becomes an instruction. */
function messageOf(issue: z.core.$ZodIssue, missing: boolean): string {
  if (isSpoken(issue)) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return missing
        ? `Give this field; it takes ${article(issue.expected)}.`
        : `Write ${article(issue.expected)}.`;
    case 'invalid_value':
      return `Write ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map((allowed) => JSON.stringify(allowed)).join(', ')}.`;
    case 'too_small':
      return issue.origin === 'string' && issue.minimum === 1
        ? 'Write something; it is empty.'
        : `Write at least ${issue.minimum}${unitOf(issue.origin)}.`;
    case 'too_big':
      return `Write at most ${issue.maximum}${unitOf(issue.origin)}.`;
    default:
      return missing ? 'Give this field.' : issue.message;
  }
}

function article(expected: string): string {
  const words: Record<string, string> = {
    string: 'a string',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    object: 'an object',
    array: 'an array',
    record: 'an object',
  };
  return words[expected] ?? expected;
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' entries' : '';
}

/** `items[0].quantity`. */
function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, part) =>
      typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[part] : undefined,
    value,
  );
}
