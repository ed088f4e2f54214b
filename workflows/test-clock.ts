import { continueAsNew, proxyActivities, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { TestClockActivities } from '../activities/test-clocks.ts';
import { recheckSignal, type TestClockInput } from './messages.ts';

const { advanceClock } = proxyActivities<TestClockActivities>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
  summary: 'bring everything attached up to the target, in order',
});

/** A turn of the activity is bounded; after so many of them a new run begins, to keep the history short. */
const TURNS_MAX = 50;

/**
 * Moves one test clock to its target. The row holds target and progress, so the workflow only asks again while the
 * activity says there is more to do, and ends when the clock is ready, failed or deleted.
 */
export async function testClock(input: TestClockInput): Promise<void> {
  let recheck = false;
  setHandler(recheckSignal, () => {
    recheck = true;
  });
  for (let turn = 1; ; turn += 1) {
    recheck = false;
    const turnEnd = await advanceClock(input);
    setCurrentDetails(`**${turnEnd.status}** · now ${turnEnd.now} · target ${turnEnd.target}`);
    // A signal that comes with this decision makes the server ask for another one.
    if (turnEnd.status !== 'advancing' && !recheck) return;
    if (turn >= TURNS_MAX) await continueAsNew<typeof testClock>(input);
  }
}
