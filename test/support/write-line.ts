/** How an operator process tells a write on its standard output. */
export const WRITE_LINE = 'write: ';
/** How it tells what it measured of itself. */
export const MEASURE_LINE = 'measured: ';

export interface Measured {
  readonly residentMiB: number;
  /** Of 99 in 100 turns of the event loop within a second, at most. */
  readonly lateMs: number;
}
