/**
 * What differs between two texts, as lines: up to `limit` that only the first has (`-`) and that only the second has
 * (`+`); null when they are equal. Order counts only where the lines themselves are the same.
 */
export function firstDifference(stored: string, fresh: string, limit = 20): string | null {
  if (stored === fresh) return null;
  const [before, after] = [stored.split('\n'), fresh.split('\n')];
  const lines = [
    ...without(before, after).map((line) => `- ${line}`),
    ...without(after, before).map((line) => `+ ${line}`),
  ];
  if (lines.length === 0) return 'the same lines in another order';
  return [
    ...lines.slice(0, limit),
    ...(lines.length > limit ? [`… and ${lines.length - limit} more lines`] : []),
  ].join('\n');
}

/** The lines of `from` that are left when each line of `taken` has taken one away. */
function without(from: readonly string[], taken: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const line of taken) counts.set(line, (counts.get(line) ?? 0) + 1);
  return from.filter((line) => {
    const count = counts.get(line) ?? 0;
    if (count > 0) counts.set(line, count - 1);
    return count === 0;
  });
}
