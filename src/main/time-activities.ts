import type { ActivityInboundCallsInterceptor, ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Metrics } from '../platform/metrics.ts';

/** Measures every activity of a worker, the local ones (all database steps) included. */
export function timeActivities({ activitySeconds }: Metrics): ActivityInterceptorsFactory {
  return (context) => {
    const activity = context.info.activityType;
    const inbound: ActivityInboundCallsInterceptor = {
      async execute(input, next) {
        const end = activitySeconds.startTimer({ activity });
        try {
          const answer = await next(input);
          end({ outcome: 'done' });
          return answer;
        } catch (error) {
          end({ outcome: 'failed' });
          throw error;
        }
      },
    };
    return { inbound };
  };
}
