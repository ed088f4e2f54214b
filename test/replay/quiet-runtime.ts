import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';

/** Once per process, before the first replay: a divergence is told by whoever looks for it, not by the SDK as well. */
export function keepRuntimeQuiet(): void {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }) } },
  });
}
