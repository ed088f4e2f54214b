import { readFile } from 'node:fs/promises';
import { parse } from '@swc/core';

/** One import, re-export, dynamic import or `import('…')` type. */
export type Import = { specifier: string; typeOnly: boolean };

/** What the boundaries need to know about a file. `uses` holds each outward use once, as written in code. */
export type Source = { file: string; imports: Import[]; uses: Set<string> };

/**
 * Reads one TypeScript file. Its whole tree is walked, whatever kinds of node it has: tools that list the kinds they
 * know stop at syntax younger than themselves (dependency-cruiser 18 on swc refuses `await using`).
 */
export async function readSource(root: string, file: string): Promise<Source> {
  const tree = await parse(await readFile(`${root}/${file}`, 'utf8'), {
    syntax: 'typescript',
    target: 'es2024',
  });
  const source: Source = { file, imports: [], uses: new Set() };
  walk(tree, source);
  return source;
}

function walk(value: unknown, source: Source): void {
  if (Array.isArray(value)) {
    for (const element of value) walk(element, source);
  } else if (isNode(value)) {
    noteImport(value, source.imports);
    noteUse(value, source.uses);
    for (const child of Object.values(value)) walk(child, source);
  }
}

type Node = Record<string, unknown>;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null;
}

function noteImport(node: Node, imports: Import[]): void {
  switch (node['type']) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration': {
      const specifier = text(node['source']);
      if (specifier !== null) imports.push({ specifier, typeOnly: isTypeOnly(node) });
      break;
    }
    case 'TsImportType': {
      const specifier = text(node['argument']);
      if (specifier !== null) imports.push({ specifier, typeOnly: true });
      break;
    }
    case 'CallExpression': {
      const specifier = isImportCall(node) ? text(firstArgument(node)) : null;
      if (specifier !== null) imports.push({ specifier, typeOnly: false });
      break;
    }
  }
}

/** `import type {…}`. `import { type A }` is not: under `verbatimModuleSyntax` the module is still loaded. */
function isTypeOnly(node: Node): boolean {
  return node['typeOnly'] === true;
}

function isImportCall(node: Node): boolean {
  const callee = node['callee'];
  return isNode(callee) && (callee['type'] === 'Import' || name(callee) === 'require');
}

function noteUse(node: Node, uses: Set<string>): void {
  switch (node['type']) {
    case 'MemberExpression': {
      const object = name(node['object']);
      if (object === null) break;
      uses.add(object);
      const property = name(node['property']) ?? text(computed(node['property']));
      if (property !== null) uses.add(`${object}.${property}`);
      break;
    }
    // `const { env } = process` reads a member as much as `process.env` does.
    case 'VariableDeclarator': {
      const object = name(node['init']);
      if (object !== null && isNode(node['id']) && Array.isArray(node['id']['properties'])) {
        for (const property of node['id']['properties']) {
          uses.add(`${object}.${isNode(property) ? (name(property['key']) ?? '') : ''}`);
        }
      }
      break;
    }
    case 'NewExpression': {
      const made = name(node['callee']);
      if (made !== null && firstArgument(node) === null) uses.add(`new ${made}()`);
      break;
    }
    case 'CallExpression': {
      const callee = name(node['callee']);
      if (callee === null) break;
      uses.add(callee);
      if (firstArgument(node) === null) uses.add(`${callee}()`);
      break;
    }
    case 'TsAsExpression': {
      const inner = node['expression'];
      if (isNode(inner) && inner['type'] === 'TsAsExpression' && isUnknownKeyword(inner['typeAnnotation'])) {
        uses.add('as unknown as');
      }
      break;
    }
  }
}

function isUnknownKeyword(type: unknown): boolean {
  return isNode(type) && type['type'] === 'TsKeywordType' && type['kind'] === 'unknown';
}

function firstArgument(call: Node): unknown {
  const first: unknown = Array.isArray(call['arguments']) ? call['arguments'][0] : undefined;
  return isNode(first) ? first['expression'] : null;
}

function computed(property: unknown): unknown {
  return isNode(property) && property['type'] === 'Computed' ? property['expression'] : null;
}

function name(node: unknown): string | null {
  return isNode(node) && node['type'] === 'Identifier' && typeof node['value'] === 'string'
    ? node['value']
    : null;
}

function text(node: unknown): string | null {
  return isNode(node) && node['type'] === 'StringLiteral' && typeof node['value'] === 'string'
    ? node['value']
    : null;
}
