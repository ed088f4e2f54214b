import { describe, expect, test } from '@jest/globals';
import { DeliveryLanes } from '../../activities/delivery-lanes.ts';
import type { ClaimedDelivery } from '../../src/persistence/drain-deliveries.ts';

/** Only the object matters to a lane. */
const item = (objectId: string, n: number) => ({
  delivery: { event: { objectId } } as ClaimedDelivery,
  name: `${objectId}${n}`,
});

describe('lanes of deliveries', () => {
  test('have one sender each, and give him what came first', () => {
    const lanes = new DeliveryLanes<ReturnType<typeof item>>();
    lanes.add([item('a', 1), item('b', 1), item('a', 2)]);
    const first = lanes.next(null);
    const second = lanes.next(null);
    expect([first?.name, second?.name]).toEqual(['a1', 'b1']);
    // Lane a has somebody in it, so what is left is not for a third sender.
    expect(lanes.next(null)).toBeNull();
    expect(lanes.waiting).toBe(1);
    expect(lanes.next(first)?.name).toBe('a2');
  });

  test('that somebody works in also take what is claimed later', () => {
    const lanes = new DeliveryLanes<ReturnType<typeof item>>();
    lanes.add([item('a', 1)]);
    const sending = lanes.next(null);
    lanes.add([item('a', 2), item('c', 1)]);
    expect(lanes.next(null)?.name).toBe('c1');
    expect(lanes.next(null)).toBeNull();
    const last = lanes.next(sending);
    expect(last?.name).toBe('a2');
    expect(lanes.next(last)).toBeNull();
    lanes.add([item('a', 3)]);
    expect(lanes.next(null)?.name).toBe('a3');
  });

  test('are cleared of everything that nobody began', () => {
    const lanes = new DeliveryLanes<ReturnType<typeof item>>();
    lanes.add([item('a', 1), item('a', 2), item('b', 1)]);
    const sending = lanes.next(null);
    expect(lanes.clear().map(({ name }) => name)).toEqual(['a2', 'b1']);
    expect(lanes.waiting).toBe(0);
    expect(lanes.next(sending)).toBeNull();
    expect(lanes.next(null)).toBeNull();
  });
});
