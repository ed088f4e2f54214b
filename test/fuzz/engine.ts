import { PLAIN_TENANT } from '../../src/contract/read-simulation.ts';
import { runSimulation } from '../../src/contract/run-simulation.ts';
import type { SimulationAnswer, SimulationBody } from '../../src/contract/simulations.ts';

/** The engine, asked as `POST /v1/simulations` asks it, in this process and of nothing but the body. */
export function simulate(body: SimulationBody): SimulationAnswer {
  return runSimulation(body, () => null, PLAIN_TENANT);
}
