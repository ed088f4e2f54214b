import { beforeEach, describe, expect, test } from '@jest/globals';
import { WakeList } from '../../src/main/wake-list.ts';

const start = new Date('2027-01-31T12:00:00.000Z').getTime();
const at = (seconds: number) => new Date(start + seconds * 1_000);
const endpoint = { tenantId: 'ten_1', endpointId: 'we_1' };
const dueSince = (seconds: number) => [{ ...endpoint, dueAt: at(seconds) }];

describe('the wake list', () => {
  let wakes: WakeList;
  beforeEach(() => {
    wakes = new WakeList();
  });

  test('wakes an endpoint once per batch, however many deliveries it got', () => {
    wakes.add([endpoint, endpoint]);
    wakes.add([endpoint]);
    expect(wakes.take(at(0))).toEqual([endpoint]);
    expect(wakes.take(at(0))).toEqual([]);
  });

  test('leaves what has just become due to the workflow that waits for it', () => {
    wakes.sweep(dueSince(0), at(0.9));
    expect(wakes.take(at(0.9))).toEqual([]);
    wakes.sweep(dueSince(0), at(1));
    expect(wakes.take(at(1))).toEqual([endpoint]);
  });

  test('wakes again for what became due after the last wake', () => {
    wakes.add([endpoint]);
    wakes.take(at(0));
    wakes.sweep(dueSince(1), at(2));
    expect(wakes.take(at(2))).toEqual([endpoint]);
  });

  test('repeats ever more rarely while nobody works, and at once for who was well in between', () => {
    const woken: number[] = [];
    for (let second = 1; second <= 200; second += 1) {
      wakes.sweep(dueSince(0), at(second));
      if (wakes.take(at(second)).length > 0) woken.push(second);
    }
    expect(woken).toEqual([1, 6, 16, 36, 76, 136, 196]);
    wakes.sweep([], at(201));
    wakes.sweep(dueSince(0), at(202));
    expect(wakes.take(at(202))).toEqual([endpoint]);
  });
});
