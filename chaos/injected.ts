import type { Random } from './random';
import type { ChaosSystem } from './system';

/** What a fault came to. */
export interface Injected {
  /** In words. */
  what: string;
  /** False: the moment it was meant for did not come, or it could not be done here. */
  isHit: boolean;
  /** False: what it needs is not installed. */
  canBeDone: boolean;
}

/** One thing that goes wrong, and how it is put right again. */
export interface Fault {
  /** Stands in the report, and chooses it on the command line. */
  name: string;
  /** Injects it, lets it last, and heals what does not heal by itself. */
  run(system: ChaosSystem, random: Random): Promise<Injected>;
}

export const hit = (what: string): Injected => ({ what, isHit: true, canBeDone: true });
export const missed = (what: string): Injected => ({ what, isHit: false, canBeDone: true });
export const skipped = (needs: string): Injected => ({
  what: `skipped: install ${needs}`,
  isHit: false,
  canBeDone: false,
});
